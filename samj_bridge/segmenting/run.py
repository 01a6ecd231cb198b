"""A run over images: each is segmented, or skipped where its results are there already."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType
from typing import Any

from samj_bridge.errors import Cancelled, FileError, SamjError
from samj_bridge.models import find_model, weights_file
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.segmenting.job import Done, Job
from samj_bridge.segmenting.listing import Item, Part
from samj_bridge.segmenting.one_image import segment_one
from samj_bridge.segmenting.record import (
    Record,
    content_of,
    digest_of,
    is_up_to_date,
    only_own,
    read_record,
    record_path,
    write_record,
)
from samj_bridge.segmenting.save import going_on_in, record_of, result_files
from samj_bridge.segmenting.side_by_side import Ends, side_by_side
from samj_bridge.segmenting.workplace import put_in_place, working_in
from samj_bridge.session import Session
from samj_bridge.settings import Settings

__all__ = ["run_images", "unforeseen_error"]


def unforeseen_error(error: Exception) -> SamjError:
    """Return an error that nobody foresaw as one with a sentence."""
    message = f"samj-bridge made a mistake: {type(error).__name__}, {error}."
    return SamjError(message, code="internal", hint="Please report it.")


def run_images(
    job: Job,
    items: Sequence[Item],
    settings: Settings,
    *,
    keeps_records: bool,
    part: Part | None = None,
    unforeseen: Callable[[Exception], SamjError] = unforeseen_error,
    progress: Progress,
    cancel: CancelToken,
) -> tuple[list[Done], list[SamjError]]:
    """Segment images; one that fails is reported, and the others are done all the same.

    Parameters
    ----------
    job : Job
        How.
    items : sequence of Item
        Which images.
    settings : Settings
        Of the worker.
    keeps_records : bool
        Keep a record beside the results of each image, and skip those whose results are there already.
    part : (int, int), optional
        Which part of a larger run it is.
    unforeseen : callable
        Returns an error that nobody foresaw as one with a sentence.
    progress : callable
    cancel : CancelToken

    Returns
    -------
    done : list of Done
        In the order of the images.
    failures : list of SamjError
        Each names its image. If the last one stopped the run, it says so.

    Raises
    ------
    SamjError
        No worker could be started, or another run is writing there; `Cancelled`.
    """
    with (
        _Worker(job.model, settings, progress, cancel) as worker,
        working_in(job.output, part) if keeps_records else nullcontext() as drafts,
    ):
        run = _Run(job, worker, settings, drafts)
        if len(items) == 1:
            return _alone(items[0], run, progress, cancel)
        outcome = side_by_side(
            items,
            run.one,
            name=lambda item: item.path.name,
            costs=lambda done: not done.skipped,
            unforeseen=unforeseen,
            progress=progress,
            cancel=cancel,
        )
    done = [outcome.made[number] for number in sorted(outcome.made)]
    failures = [outcome.failures[number] for number in sorted(outcome.failures)]
    for number, error in outcome.failures.items():
        _about(error, items[number])
    if outcome.ended is not None:
        if not done and not failures:
            raise outcome.ended
        left = len(items) - len(done) - len(failures)
        outcome.ended.message += f" The run ended here, with {left} of {len(items)} images not done."
        failures.append(outcome.ended)
    return done, failures


def _alone(item: Item, run: _Run, progress: Progress, cancel: CancelToken) -> tuple[list[Done], list[SamjError]]:
    try:
        return [run.one(item, progress, cancel)], []
    except Ends as end:
        raise end.error from end
    except Cancelled:
        raise
    except SamjError as error:
        _about(error, item)
        return [], [error]


def _about(error: SamjError, item: Item) -> None:
    """Let an error say which image it is about, if it doesn't yet."""
    if item.path.name not in error.message:
        error.message = f"{item.path.name}: {error.message}"


class _Run:
    """What is done with each image."""

    def __init__(self, job: Job, worker: _Worker, settings: Settings, drafts: Path | None) -> None:
        self._job, self._worker, self._settings, self._drafts = job, worker, settings, drafts

    def one(self, item: Item, progress: Progress, cancel: CancelToken) -> Done:
        """Segment an image, or find it done. May be called on several threads."""
        with going_on_in(record_of(self._job.output, item.stem)):
            if self._drafts is None:
                session = self._worker.session()
                return segment_one(self._job, session, item.path, item.stem, progress, cancel)
            return self._recorded(item, self._drafts, progress, cancel)

    def _recorded(self, item: Item, drafts: Path, progress: Progress, cancel: CancelToken) -> Done:
        job, path = self._job, record_path(self._job.output, item.stem)
        record, content = read_record(path), content_of(item.path)
        made = job.made_by(item.path.name, self._worker.weights(), self._settings)
        if record and is_up_to_date(record, content, made, job.output, rows=job.rows, closely=job.overwrite):
            return _done_before(item, record, job.output)
        mine = record is not None and record.is_of(content, made)
        if not job.overwrite:
            _refuse_others(job, item, record, content, made)
        folder = drafts / item.stem
        folder.mkdir(parents=True, exist_ok=True)
        # Labels in the image's own OME-Zarr are no files beside it: that they are ours is said before.
        if job.labels is not None and not mine:
            write_record(path, Record(item.path.name, content, made, {}))
        done = segment_one(
            job, self._worker.session(), item.path, item.stem, progress, cancel, folder=folder, overwrite=mine
        )
        made_here = [file for file in done.files if file.parent == folder]
        files = {file.name: (file.stat().st_size, digest_of(file)) for file in made_here}
        told = {name: getattr(done, name) for name in ("objects", "empty", "taken", "taken_data", "message")}
        write_record(path, Record(item.path.name, content, made, files, told, done.rows))
        done.files = [
            put_in_place(file, job.output / file.name) if file in made_here else file for file in done.files
        ]
        shutil.rmtree(folder, ignore_errors=True)
        return done


def _refuse_others(job: Job, item: Item, record: Record | None, content: str, made: dict[str, Any]) -> None:
    """Refuse to replace what is there, unless it is what an earlier run of this very job has left."""
    files = [*result_files(job.output, item.stem, job.formats).values()]
    if job.labels is not None:
        files.append(job.output / f"{item.stem}_{job.labels}.btf")
    if only_own(record if record and record.is_of(content, made) else None, files):
        return
    there = ", ".join(file.name for file in files if file.exists())
    why = _why(record, content, made)
    message = f"{there} in {job.output} would be replaced{why}."
    raise FileError(message, hint="Choose another folder with --output, or say --overwrite.", path=str(files[0]))


def _why(record: Record | None, content: str, made: dict[str, Any]) -> str:
    if record is None:
        return ""
    if record.content != content:
        return ": made of another image"
    changed = [name for name in made if record.made.get(name) != made[name]]
    if not changed:
        return ": changed since they were made"
    if "options" in changed:
        before = record.made.get("options") or {}
        options = [name for name, value in made["options"].items() if before.get(name) != value]
        changed = [name for name in changed if name != "options"] + options
    return f": made with other {', '.join(changed)}"


def _done_before(item: Item, record: Record, folder: Path) -> Done:
    told = record.told
    return Done(
        item.path,
        told["objects"],
        told["empty"],
        0.0,
        0.0,
        [folder / name for name in record.files],
        told["taken"],
        told["taken_data"],
        told["message"],
        record.rows,
        item.stem,
        skipped=True,
    )


class _Worker:
    """The session of a run, opened when the first image needs it: where all is done, none is started."""

    def __init__(self, model: str, settings: Settings, progress: Progress, cancel: CancelToken) -> None:
        self._model, self._settings, self._progress, self._cancel = model, settings, progress, cancel
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._weights: str | None = None
        self._failed: SamjError | None = None

    def session(self) -> Session:
        """Return the session.

        Raises
        ------
        Ends
            There can't be one.
        """
        with self._lock, self._ending():
            if self._session is None:
                self._session = Session(
                    self._model, settings=self._settings, progress=self._progress, cancel=self._cancel
                )
            return self._session

    def weights(self) -> str:
        """Return what tells the weights from others: what the catalog says they hash to, else a digest of them.

        Raises
        ------
        Ends
            There is no such model.
        """
        with self._lock, self._ending():
            if self._weights is None:
                entry = find_model(self._model, self._settings)
                self._weights = " ".join(entry.hashes) or digest_of(weights_file(entry, self._settings))
            return self._weights

    @contextmanager
    def _ending(self) -> Iterator[None]:
        if self._failed is not None:
            raise Ends(self._failed)
        try:
            yield
        except Cancelled:
            raise
        except SamjError as error:
            self._failed = error
            raise Ends(error) from error

    def __enter__(self) -> _Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            self._session.close()

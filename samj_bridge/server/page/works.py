"""The work on an image, kept on disk: its source, its objects and classes. What was answered for is written.

A work is a folder named by the image's pixels. Changes are lines at the end of a file: one that was cut off by a
kill was never answered for, and is left out. Objects have ids that the page makes, so that the same change sent
twice is one.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from samj_bridge.errors import FileError, InputError, SamjError
from samj_bridge.process.locks import hold_lock
from samj_bridge.server.page.objects import checked_change

__all__ = ["Work", "Works"]

_NAME = re.compile(r"[0-9a-f]{32}")
_MOST_OBJECTS = 200_000
_MOST_IDLE = 20
"""Images without any object whose files are kept in any case: the others are where they came from."""
_IDLE_S = 24 * 3600.0
_IDLE_BYTES = 4 << 30
"""The others are kept for a day, in which a tab may still show them, as long as they take no more."""


class Work:
    """One image's objects and classes. Its methods may be called from any thread.

    Parameters
    ----------
    folder : Path
        Where it is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = folder.name
        self.epoch = ""
        """Another one each time the work is read: revisions count from there."""
        self.head: dict[str, Any] = json.loads((folder / "image.json").read_text(encoding="utf-8"))
        self.objects: dict[str, dict[str, Any]] = {}
        self.classes: list[str] = []
        self.revision = 0
        self._changed: dict[str, int] = {}
        self._last = 0
        self._seen = (0, 0)
        self._lock = threading.RLock()
        with hold_lock(folder / "lock"):
            self._read()

    @property
    def shape(self) -> tuple[int, int]:
        """(Y, X) of the image."""
        return (self.head["height"], self.head["width"])

    def source(self) -> bytes:
        """Return the file that was sent.

        Raises
        ------
        OSError
            It is gone.
        """
        return (self.folder / "source").read_bytes()

    def change(self, changes: Sequence[Any]) -> None:
        """Write changes down, then do them: all of them or none.

        Parameters
        ----------
        changes : sequence
            Each ``{"put": object}``, ``{"drop": id}`` or ``{"classes": [name, ...]}``.

        Raises
        ------
        InputError
            One of them is no change.
        FileError
            They can't be written; nothing has changed.
        """
        checked = [checked_change(change, self.shape) for change in changes]
        # Another server of the same home may have the work open, too.
        with self._lock, hold_lock(self.folder / "lock"):
            self._look()
            if len(self.objects) + len(checked) > _MOST_OBJECTS:
                message = f"There are {len(self.objects)} objects already."
                raise InputError(message, code="too-much", hint=f"An image has at most {_MOST_OBJECTS}.")
            last = self._last
            for change in checked:
                if "put" in change and not change["put"].get("number"):
                    known = self.objects.get(change["put"]["id"])
                    last += known is None
                    change["put"]["number"] = known["number"] if known else last
            self._append(checked)
            for change in checked:
                self._do(change)

    def since(self, epoch: str, revision: int) -> dict[str, Any]:
        """Return what has changed since a revision; everything to who knows another epoch."""
        with self._lock:
            if self._stamp() != self._seen:
                with hold_lock(self.folder / "lock"):
                    self._look()
            whole = epoch != self.epoch
            after = -1 if whole else revision
            ids = [name for name, changed in self._changed.items() if changed > after]
            return {
                "epoch": self.epoch,
                "revision": self.revision,
                "whole": whole,
                "objects": [self.objects[name] for name in ids if name in self.objects],
                "gone": [] if whole else [name for name in ids if name not in self.objects],
                "classes": list(self.classes),
            }

    def listed(self) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the objects by their numbers, and the classes."""
        with self._lock:
            return sorted(self.objects.values(), key=lambda item: item["number"]), list(self.classes)

    def _do(self, change: Mapping[str, Any]) -> None:
        self.revision += 1
        if "put" in change:
            item = change["put"]
            self.objects[item["id"]] = item
            self._changed[item["id"]] = self.revision
            self._last = max(self._last, item["number"])
        elif "drop" in change:
            self.objects.pop(change["drop"], None)
            self._changed[change["drop"]] = self.revision
        else:
            self.classes = change["classes"]

    def _append(self, changes: Sequence[Mapping[str, Any]]) -> None:
        text = "".join(json.dumps(change) + "\n" for change in changes).encode()
        path = self.folder / "changes.jsonl"
        try:
            with path.open("ab") as file:
                before = file.tell()
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    # A full disk leaves half a line, which the next one must not be joined to.
                    with contextlib.suppress(OSError):
                        os.truncate(path, before)
                    raise
            self._seen = self._stamp()
        except OSError as error:
            message = f"The change could not be written down: {error.strerror or error}."
            hint = "Nothing else has changed. Make space on the server's disk, then try again."
            raise FileError(message, code="not-kept", hint=hint) from error

    def _stamp(self) -> tuple[int, int]:
        try:
            status = (self.folder / "changes.jsonl").stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_ino, status.st_size)

    def _look(self) -> None:
        """Read again what another server has written."""
        if self._stamp() != self._seen:
            self._read()

    def _read(self) -> None:
        path = self.folder / "changes.jsonl"
        self.epoch = secrets.token_hex(4)
        self.objects, self.classes, self.revision, self._changed, self._last = {}, [], 0, {}, 0
        if not path.is_file():
            return
        good = lines = 0
        with path.open("rb") as file:
            for line in file:
                try:
                    change = json.loads(line) if line.endswith(b"\n") else None
                    if not isinstance(change, dict):
                        break
                    self._do(change)
                except (ValueError, KeyError, TypeError):
                    break
                good += len(line)
                lines += 1
        if good < path.stat().st_size:
            os.truncate(path, good)
        if lines > 2 * len(self.objects) + 200:
            self._compact(path)
        self._seen = self._stamp()

    def _compact(self, path: Path) -> None:
        draft = path.with_name(f"changes-{os.getpid()}.part")
        items, _ = self.listed()
        with contextlib.suppress(OSError):
            with draft.open("w", encoding="utf-8") as file:
                file.write(json.dumps({"classes": self.classes}) + "\n")
                file.writelines(json.dumps({"put": item}) + "\n" for item in items)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)


class Works:
    """All works of a home.

    Parameters
    ----------
    folder : Path
        Where they are kept.
    most : int
        Works that stay in memory.
    """

    def __init__(self, folder: Path, most: int = 16) -> None:
        self._folder = folder
        self._most = most
        self._open: OrderedDict[str, Work] = OrderedDict()
        self._lock = threading.RLock()

    def begin(self, image: str, head: Mapping[str, Any], source: bytes | None) -> Work:
        """Return the work on an image, begun if there is none; `source` is its file, where the server has no path.

        Raises
        ------
        FileError
            The folder can't be written.
        """
        with self._lock:
            folder = self._folder / image
            try:
                # Other people's images are nobody's business.
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                folder.mkdir(exist_ok=True)
                if source is not None and not (folder / "source").is_file():
                    _write(folder / "source", source)
                _write(folder / "image.json", json.dumps({**head, "opened": time.time()}).encode())
            except OSError as error:
                message = f"The image could not be kept: {error.strerror or error}."
                raise FileError(message, code="not-kept", hint="Make space on the server's disk.") from error
            work = self._open.get(image) or Work(folder)
            work.head.update(head)
            self._keep(work)
            self._tidy()
            return work

    def get(self, image: str) -> Work:
        """Return the work on an image.

        Raises
        ------
        SamjError
            ``unknown-image``: there is none.
        """
        with self._lock:
            work = self._open.get(image)
            if work is None and _NAME.fullmatch(image) and (self._folder / image / "image.json").is_file():
                with contextlib.suppress(ValueError):
                    work = Work(self._folder / image)
            if work is None:
                message = f"There is no work on an image {image!r:.40} here."
                raise SamjError(message, code="unknown-image", hint="Open the image again.")
            self._keep(work)
            return work

    def all(self) -> list[dict[str, Any]]:
        """Return what is known of every work, the latest first."""
        found = []
        for path in self._folder.glob("*/image.json"):
            with contextlib.suppress(OSError, ValueError):
                head = json.loads(path.read_text(encoding="utf-8"))
                changes = path.with_name("changes.jsonl")
                found.append({"image": path.parent.name, **head, "has_objects": changes.is_file()})
        return sorted(found, key=lambda head: -head.get("opened", 0))

    def drop(self, image: str) -> None:
        """Forget the work on an image: objects and file."""
        with self._lock:
            work = self.get(image)
            self._open.pop(image, None)
            shutil.rmtree(work.folder, ignore_errors=True)

    def _keep(self, work: Work) -> None:
        self._open[work.image] = work
        self._open.move_to_end(work.image)
        while len(self._open) > self._most:
            self._open.popitem(last=False)

    def _tidy(self) -> None:
        size = 0
        for place, head in enumerate(head for head in self.all() if not head["has_objects"]):
            folder = self._folder / head["image"]
            with contextlib.suppress(OSError):
                size += (folder / "source").stat().st_size
            fresh = time.time() - head.get("opened", 0) < _IDLE_S and size < _IDLE_BYTES
            if place >= _MOST_IDLE and not fresh:
                self._open.pop(head["image"], None)
                shutil.rmtree(folder, ignore_errors=True)


def _write(path: Path, data: bytes) -> None:
    draft = path.with_name(f"{path.name}-{os.getpid()}-{threading.get_ident()}.part")
    try:
        draft.write_bytes(data)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)

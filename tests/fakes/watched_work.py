"""Each kind of long work that tells somebody how far it is, done on a small scale: what comes of it, as plain data.

``CASES[name](ground, callback)`` does the work and gives every callback that it takes to `callback`.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes.beds import make_bed
from fakes.file_server import Content, Fault, FileServer, serve
from fakes.model_files import table, write_catalog

from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

Callback = Callable[..., None]


@dataclass
class Ground:
    """Where a case works."""

    folder: Path
    """Empty."""
    fixture: Callable[[str], Any]
    """Returns a fixture of pytest by its name."""


@contextlib.contextmanager
def held(*locks: Path, seconds: float = 1.2) -> Iterator[None]:
    """Hold locks for a while on another thread, so that the block has to wait."""
    from samj_bridge.process.locks import hold_lock

    ready = threading.Event()

    def hold() -> None:
        with contextlib.ExitStack() as stack:
            for lock in locks:
                lock.parent.mkdir(parents=True, exist_ok=True)
                stack.enter_context(hold_lock(lock))
            ready.set()
            time.sleep(seconds)

    thread = threading.Thread(target=hold)
    thread.start()
    ready.wait(60)
    yield
    thread.join()


def child(ground: Ground, callback: Callback) -> object:
    from samj_bridge.process.run import run

    code = (
        "import sys, time\n"
        "for n in range(20): print(n, file=sys.stderr, flush=True); time.sleep(0.02)\n"
        "print('end'); sys.exit(3)"
    )
    return run(
        [sys.executable, "-c", code],
        env=dict(os.environ),
        on_line=callback,
        on_tick=callback,
        on_start=callback,
        tick_s=0.05,
    )


def turns(ground: Ground, callback: Callback) -> object:
    from samj_bridge.install.prefixes.turns import BOARD_NAME, take_turn
    from samj_bridge.progress import ProgressEvent, notify

    (ground.folder / BOARD_NAME).write_text(
        '{"pid": 1, "stage": "download", "message": "m", "done": 1, "total": 2, "unit": "bytes"}'
    )
    with held(ground.folder / "lock"), take_turn(ground.folder, "tiny", callback, None) as told:
        notify(told, ProgressEvent("install", "a step"))
        return (ground.folder / BOARD_NAME).is_file()


def uv(ground: Ground, callback: Callback) -> object:
    from samj_bridge.install import ensure_environment
    from samj_bridge.install.care import repair_environment

    with make_bed("uv", ground.folder) as bed:
        settings, tiny = bed.settings(ground.folder / "home"), bed.specification("envs")
        made = ensure_environment(settings, name="tiny", specification=tiny, progress=callback)
        (made.prefix / "bin" / "python").unlink()
        mended, problem = repair_environment(settings, "tiny", specification=tiny, progress=callback)
        healthy, nothing = repair_environment(settings, "tiny", specification=tiny, progress=callback)
    assert mended == healthy
    return made.packages, mended.packages, problem.replace(str(ground.folder), ""), nothing


def micromamba(ground: Ground, callback: Callback) -> object:
    from samj_bridge.install import ensure_environment

    with make_bed("micromamba", ground.folder) as bed:
        settings, tiny = bed.settings(ground.folder / "home"), bed.specification("envs")
        with held(settings.cache_dir / "micromamba" / "samj.lock"):
            made = ensure_environment(settings, name="tiny", specification=tiny, progress=callback)
    return made.packages, made.builder


def locks(ground: Ground, callback: Callback) -> object:
    from samj_bridge.install.locks.making import make_pypi_lock

    with make_bed("uv", ground.folder) as bed:
        settings, tiny = bed.settings(ground.folder / "home"), bed.specification("envs")
        made = make_pypi_lock(tiny, settings, ground.folder / "lock", progress=callback)
        return [line for line in made.read_text(encoding="utf-8").splitlines() if line.startswith("tiny")]


def adoption(ground: Ground, callback: Callback) -> object:
    from samj_bridge.install import adopt_environment, ensure_environment

    with make_bed("uv", ground.folder) as bed:
        settings, tiny = bed.settings(ground.folder / "home"), bed.specification("envs")
        made = ensure_environment(settings, name="tiny", specification=tiny)
        other = Settings(home=ground.folder / "other")
        return adopt_environment(other, made.prefix, name="tiny", specification=tiny, progress=callback).packages


def download(ground: Ground, callback: Callback) -> object:
    from samj_bridge.download import Policy, Source, fetch
    from samj_bridge.errors import DownloadError

    content = Content(3_000_000)
    with serve(FileServer({"/a.bin": content})) as server:
        server.faults += [Fault("cut", after=1_000_000)]
        source = Source((f"{server.url}/a.bin",), "a.bin", content.size, (content.hash(),), allow_http=True)
        target, settings = ground.folder / "a.bin", Settings(home=ground.folder / "home")
        # The first stops half-way, the second takes up what is there, the third finds all of it.
        with contextlib.suppress(DownloadError):
            fetch(source, target, settings=settings, policy=Policy(attempts=1), progress=callback)
        return [fetch(source, target, settings=settings, progress=callback) for _ in range(2)]


def models(ground: Ground, callback: Callback) -> object:
    from samj_bridge.models import find_model
    from samj_bridge.models.obtain import obtain
    from samj_bridge.models.record import Acceptance
    from samj_bridge.models.store import Store
    from samj_bridge.models.verifying import verify

    data = b"weights" * 100_000
    lab = write_catalog(ground.folder / "lab.toml", ours=table("https://x.example/ours.pth", data))
    settings = Settings(home=ground.folder / "home", catalog=str(lab), offline=True)
    settings.incoming_dir.mkdir(parents=True)
    (settings.incoming_dir / "by hand.bin").write_bytes(data)
    store = Store(settings)
    record = obtain(
        find_model("ours", settings), store, Acceptance("MIT", "not-needed", "2026-01-01"), progress=callback
    )
    verdicts = [(verdict.id, verdict.status) for verdict in verify(store, ["ours"], progress=callback)]
    return record.source, record.hashes, verdicts


def waiting_for_a_model(ground: Ground, callback: Callback) -> object:
    from samj_bridge.models import find_model
    from samj_bridge.models.obtain import downloads_of
    from samj_bridge.models.store import Store

    data = b"weights" * 100_000
    lab = write_catalog(ground.folder / "lab.toml", ours=table("https://x.example/ours.pth", data))
    settings = Settings(home=ground.folder / "home", catalog=str(lab), offline=True)
    store = Store(settings)
    folder = downloads_of(find_model("ours", settings), store)
    folder.mkdir(parents=True)
    (folder / "ours.pth.part").write_bytes(data)
    key = store.folder / "locks" / f"{folder.name}.lock"
    with held(key, store.folder / "locks" / "store.lock"):
        return models(ground, callback)


def session(ground: Ground, callback: Callback) -> object:
    from fakes.opening import launcher, test_model, two_squares

    from samj_bridge.session import Prompt, Session

    settings = Settings(home=ground.folder / "home", threads=1)
    starts = launcher(ground.fixture("worker_python"), settings)
    with Session(test_model(ground.folder), settings=settings, launcher=starts, progress=callback) as opened:
        scene = opened.encode(two_squares(), progress=callback)
        prompts = [Prompt(box=(25, 15, 70, 45)), Prompt(points=[(40, 70)])]
        areas = [regions[0].area for _, regions in scene.stream(prompts, progress=callback)]
        found = scene.everything(progress=callback)
        call = opened._supervisor.running().client.start("stats")
        figures = sorted(call.result(callback))
    (ground.folder / "tiled").mkdir()
    tiled = test_model(ground.folder / "tiled", tile_px=64)
    with Session(tiled, settings=settings, launcher=launcher(starts.python, settings)) as opened:
        scene = opened.encode(two_squares(), progress=callback)
        large = [region.area for region in scene.segment(prompts, progress=callback)]
    return areas, sorted(region.area for region in found), figures, large


def conversion(ground: Ground, callback: Callback) -> object:
    from fakes.opening import VARIABLES

    from samj_bridge.session.connection.launcher import Launcher
    from samj_bridge.session.installing import import_model

    settings = Settings(home=ground.folder / "home", threads=1)
    starts = Launcher(ground.fixture("worker_python"), settings, VARIABLES)
    checkpoint = ground.fixture("starter_checkpoint")
    installed = import_model(checkpoint, settings, name="mine", launcher=starts, progress=callback)
    starts.log.close()
    return installed.record.weights


def workers_log(ground: Ground, callback: Callback) -> object:
    from samj_bridge.session.connection.service import WorkerService

    # More than a pipe holds: a reader that died would leave it blocked for ever.
    code = "import os; [os.write(2, b'x' * 100 + b'\\n') for _ in range(5000)]; os.write(2, b'end\\n'); os._exit(7)"
    service = WorkerService([sys.executable, "-c", code], dict(os.environ), ground.folder, callback).start()
    status = service.wait_for(60)
    service.close(timeout_s=1.0)
    return status, service.error_lines()[-1:]


def commands(ground: Ground, callback: Callback) -> object:
    import numpy as np
    import tifffile

    from samj_bridge.cli.commands import doctor, info

    tifffile.imwrite(ground.folder / "cells.tif", np.eye(9, dtype=np.uint8))
    told = info.run([ground.folder / "cells.tif"], series=None, progress=callback, cancel=CancelToken())
    result = doctor.run(Settings(home=ground.folder / "home"), start_worker=False, network=False, progress=callback)
    found = [(finding["check"], finding["status"]) for finding in result.data["findings"]]
    return found, result.ok, told.data["images"][0]["series"]


CASES: dict[str, Callable[[Ground, Callback], object]] = {
    "adoption": adoption,
    "child": child,
    "commands": commands,
    "conversion": conversion,
    "download": download,
    "locks": locks,
    "micromamba": micromamba,
    "models": models,
    "session": session,
    "turns": turns,
    "uv": uv,
    "waiting for a model": waiting_for_a_model,
    "worker's log": workers_log,
}

"""Another uv of the user's works in the same cache, old or new: nothing of its is removed, what ours left is."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes.beds import Bed, make_bed
from fakes.package_index import PackageIndex, serve
from uv import find_uv_bin

from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.install import create_environment, ensure_environment
from samj_bridge.install.builders.uv.unpacking import Unpacking, remove_left
from samj_bridge.process.locks import hold_lock
from samj_bridge.progress import CancelToken

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has a file open")

OLD = ("0.5.31", "0.8.24")
"""The first holds no lock while it unpacks, the second does."""
# Random, so that half of the wheel on the wire is half of it on the disk.
CODE = f"data = {random.Random(0).randbytes(2_000_000).hex()!r}"
KILLED = """
import sys
from pathlib import Path
from samj_bridge.install import create_environment, ensure_environment
from samj_bridge.install.specification import read_specification
from samj_bridge.settings import Settings
home, index, envs = sys.argv[1:]
settings = Settings(home=Path(home), builder="uv", pypi_index=index, torch_index="", device="cpu")
ensure_environment(settings, name="tiny", specification=read_specification(Path(envs) / "pixi.toml"))
"""


def old_uv(version: str, kept: Path) -> Path:
    """Return another uv, fetched from PyPI once."""
    folder = kept / "uvs" / version
    if not (folder / "bin" / "uv").is_file():
        made = subprocess.run(
            [find_uv_bin(), "pip", "install", "--target", str(folder), f"uv=={version}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0 and "client error" in made.stderr:
            pytest.skip("PyPI can't be reached")
        assert made.returncode == 0, made.stderr
    return folder / "bin" / "uv"


@pytest.fixture
def bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed("uv", tmp_path) as made:
        yield made


def temporary(cache: Path) -> dict[str, set[str]]:
    """Return the temporary entries of a cache that take room, and what is in them.

    One that was just made and is empty may be anybody's: it stays.
    """
    found = {
        path.name: {item.relative_to(path).as_posix() for item in path.rglob("*")} for path in cache.glob(".tmp*")
    }
    return {name: files for name, files in found.items() if files}


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.02)


@contextmanager
def theirs(program: Path, folder: Path, cache: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Let another uv unpack half of a wheel, and wait for the rest, while the block runs."""
    subprocess.run([program, "venv", "--quiet", "--python", sys.executable, folder / "their venv"], check=True)
    with serve(PackageIndex()) as index:
        index.add("theirs", "1.0", CODE)
        index.stall_wheels = True
        # Without --no-deps it would ask the half wheel for its metadata first.
        where = ["--cache-dir", cache, "--index-url", index.url, "--python", folder / "their venv"]
        command = [program, "pip", "install", "--no-deps", *where, "theirs"]
        with subprocess.Popen(
            command,
            env=os.environ | {"UV_HTTP_TIMEOUT": "600"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as child:
            try:
                assert index.stalled.wait(60)
                wait_for(lambda: any(temporary(cache).values()))
                yield child
                assert child.poll() is None, "theirs ended"
            finally:
                child.kill()


@pytest.mark.parametrize("version", [*OLD, "ours"])
def test_what_another_uv_unpacks_stays_while_ours_succeeds_fails_is_cancelled_and_is_killed(
    version: str, tmp_path: Path, bed: Bed, kept: Path
) -> None:
    program = Path(find_uv_bin()) if version == "ours" else old_uv(version, kept)
    cache = tmp_path / "uv cache"
    cache.mkdir(exist_ok=True)
    settings = bed.settings(tmp_path / "home")
    with theirs(program, tmp_path, cache):
        before = temporary(cache)
        assert len(before) >= 1

        ensure_environment(settings, name="tiny", specification=bed.specification("one", "1.0"))
        assert temporary(cache) == before

        bed.pypi.cut_wheels = True
        with pytest.raises(SamjError):
            create_environment(settings, name="tiny", specification=bed.specification("two", "2.0"))
        assert temporary(cache) == before
        bed.pypi.cut_wheels = False

        third, cancel = bed.specification("three", "3.0", CODE), CancelToken()
        bed.stall(stall=True)
        seen: list[int] = []

        def stop() -> None:
            assert bed.wait_stalled()
            wait_for(lambda: len(temporary(cache)) > len(before))
            seen.append(len(temporary(cache)))
            cancel.cancel()

        stopper = threading.Thread(target=stop)
        stopper.start()
        with pytest.raises(Cancelled):
            ensure_environment(settings, name="tiny", specification=third, cancel=cancel)
        stopper.join()
        assert seen[0] > len(before), "ours had begun to unpack"
        assert temporary(cache) == before

        bed.stall(stall=True)
        arguments = [str(settings.home), bed.pypi.url, str(bed.folder / "three")]
        with subprocess.Popen([sys.executable, "-c", KILLED, *arguments]) as child:
            assert bed.wait_stalled()
            notes = settings.cache_dir / "uv-unfinished"
            wait_for(lambda: bool(list(notes.glob("*.json"))))
            child.kill()
        wait_for(lambda: not _in_use(cache, temporary(cache).keys() - before.keys()))
        assert temporary(cache).keys() > before.keys(), "the killed one left something"

        bed.stall(stall=False)
        ensure_environment(settings, name="tiny", specification=third)
        assert temporary(cache) == before
        assert list(notes.glob("*.json")) == []


def _in_use(cache: Path, names: set[str]) -> bool:
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(descriptor)
        except OSError:
            continue
        if any(target.startswith(f"{cache}/{name}") for name in names):
            return True
    return False


LEADER = """
import subprocess, sys
input()
code = "import sys; file = open(sys.argv[1], 'w'); print('open', flush=True); input()"
subprocess.run([sys.executable, "-c", code, sys.argv[1]])
"""


def test_a_uv_that_starts_long_after_its_leader_is_seen_at_the_end(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    (cache / ".tmpOurs").mkdir(parents=True)
    cancel = CancelToken()
    with (
        Unpacking(cache, tmp_path / "notes").watched(cancel) as unpacking,
        subprocess.Popen(
            [sys.executable, "-c", LEADER, str(cache / ".tmpOurs" / "half")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as leader,
    ):
        assert leader.stdin is not None
        assert leader.stdout is not None
        unpacking.started(leader.pid)
        assert unpacking.look(always=True) == []
        leader.stdin.write("\n")
        leader.stdin.flush()
        assert leader.stdout.readline() == "open\n"
        cancel.cancel()
        os.killpg(leader.pid, signal.SIGKILL)
    assert list(cache.iterdir()) == []


def note(folder: Path, cache: Path, **entries: tuple[int, int]) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "1-abc.json"
    path.write_text(json.dumps({"cache": str(cache), "entries": entries}))
    return path


def test_a_note_removes_nothing_but_the_very_folders_that_it_is_about(tmp_path: Path) -> None:
    cache, notes = tmp_path / "cache", tmp_path / "notes"
    identities = {}
    for name in (".tmpMine", ".tmpOpen", ".tmpAnother", "archive-v0"):
        (cache / name).mkdir(parents=True)
        (cache / name / "file").write_bytes(b"x")
        status = (cache / name).stat()
        identities[name] = (status.st_dev, status.st_ino)
    identities[".tmpAnother"] = (1, 2)
    identities["../outside"] = (3, 4)
    path = note(notes, cache, **identities)
    with hold_lock(path.with_suffix(".lock")):
        remove_left(notes)
        assert path.exists(), "its process is at work"
        assert (cache / ".tmpMine").exists()
    with (cache / ".tmpOpen" / "file").open():
        remove_left(notes)
    assert sorted(item.name for item in cache.iterdir()) == [".tmpAnother", ".tmpOpen", "archive-v0"]
    assert not path.exists()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cache": 3}', '{"cache": "x", "entries": {".tmpA": 7}}', "\0"])
def test_a_damaged_note_removes_nothing_and_goes(text: str, tmp_path: Path) -> None:
    path = note(tmp_path / "notes", tmp_path)
    path.write_text(text)
    (tmp_path / ".tmpA").mkdir()
    remove_left(tmp_path / "notes")
    assert (tmp_path / ".tmpA").is_dir()
    assert not path.exists()


def test_where_no_note_can_be_kept_uv_runs_all_the_same(tmp_path: Path, bed: Bed) -> None:
    settings = bed.settings(tmp_path / "home")
    settings.cache_dir.mkdir(parents=True)
    (settings.cache_dir / "uv-unfinished").write_text("a file in the place of the folder")
    made = ensure_environment(settings, name="tiny", specification=bed.specification("one"))
    assert made.packages["tiny"] == "1.0"
    with Unpacking(tmp_path / "nowhere", settings.cache_dir / "uv-unfinished" / "below").watched() as unpacking:
        assert unpacking.look(always=True) == []

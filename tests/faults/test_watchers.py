"""Looking never changes the outcome: all long work, with callbacks that raise, ends as it does with quiet ones."""

from __future__ import annotations

import errno
import shutil
import threading
from itertools import cycle
from pathlib import Path

import pytest
from fakes.watched_work import CASES, Ground

from samj_bridge.errors import Cancelled, FileError
from samj_bridge.models import find_model, weights_file

WORKER = {"session", "conversion"}

named = pytest.mark.parametrize(
    "case", [pytest.param(name, marks=[pytest.mark.worker] if name in WORKER else []) for name in sorted(CASES)]
)


@pytest.fixture
def starter_checkpoint(tmp_path: Path) -> Path:
    """A checkpoint of the user's own."""
    return Path(shutil.copy(weights_file(find_model("starter")), tmp_path / "own.safetensors"))


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


class Raising:
    """Raises something else each time."""

    def __init__(self) -> None:
        self.calls = 0
        self._lock = threading.Lock()
        self._errors = cycle(
            [
                FileNotFoundError(errno.ENOENT, "a folder vanished", ".tmpAbCd/torch"),
                RuntimeError("a user's mistake"),
                BrokenPipeError(errno.EPIPE, "nobody reads it"),
                PermissionError(errno.EACCES, "not allowed", "/somewhere"),
                FileError("an error of ours, from a user's callback", code="not-writable"),
                StopIteration(),
                UnicodeEncodeError("ascii", "é", 0, 1, "no such character"),
                OSError(errno.ENOSPC, "a log's disk is full"),
            ]
        )

    def __call__(self, *what: object) -> None:
        with self._lock:
            self.calls += 1
            error = next(self._errors)
        raise error


def ground(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Ground:
    folder.mkdir()
    monkeypatch.setenv("UV_CACHE_DIR", str(folder / "uv cache"))
    return Ground(folder, request.getfixturevalue)


@named
def test_work_ends_alike_whatever_those_raise_who_watch_it(
    case: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet: list[object] = []
    expected = CASES[case](ground(request, tmp_path / "quiet", monkeypatch), lambda *what: quiet.append(what))
    raising = Raising()
    assert CASES[case](ground(request, tmp_path / "raising", monkeypatch), raising) == expected
    assert quiet
    assert raising.calls >= 1


@pytest.mark.parametrize("case", ["child", "download", "turns", "uv", "models"])
def test_a_watcher_that_raises_cancelled_stops_the_work(
    case: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*what: object) -> None:
        raise Cancelled("I have seen enough")

    made = ground(request, tmp_path / "stopped", monkeypatch)
    with pytest.raises(Cancelled, match="seen enough"):
        CASES[case](made, stop)
    assert not list(made.folder.glob("home/envs/tiny/*/samj-environment.json"))

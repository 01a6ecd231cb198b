"""Causes that are true: a disk that refuses is told from a mistake, and only what is below SAMJ_HOME blames it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from samj_bridge.errors import FileError, InstallError, NoSpaceError, SamjError
from samj_bridge.install import ensure_environment, find_environment
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.uv.tool import failure
from samj_bridge.install.specification import Specification, load_specification
from samj_bridge.install.unexpected import explain_error
from samj_bridge.process.run import Finished
from samj_bridge.settings import Settings


@dataclass
class Breaking:
    """A builder that raises what it is told to, on a real prefix."""

    error: Exception
    name: str = "uv"

    def obstacle(self, specification: Specification) -> str:
        return ""

    def addresses(self, specification: Specification) -> tuple[str, ...]:
        return ()

    def build(self, request: BuildRequest) -> Built:
        request.prefix.mkdir(parents=True)
        (request.prefix / "half").write_text("x")
        raise self.error


def failed(settings: Settings, error: Exception) -> SamjError:
    with pytest.raises(SamjError) as caught:
        ensure_environment(settings, builder=Breaking(error), specification=load_specification())
    assert find_environment(settings) is None
    folder = settings.envs_dir / "samj"
    assert [path.name for path in folder.iterdir() if path.is_dir() and path.name != "leases"] == []
    return caught.value


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "No such file or directory", ".tmp8Aq852/torch/include/ATen/ops"),
        PermissionError(errno.EACCES, "Permission denied", "/somewhere/else"),
        OSError(errno.EIO, "Input/output error", "/somewhere/else"),
        RuntimeError("a slip of ours"),
        KeyError("missing"),
    ],
)
def test_what_nobody_foresaw_says_what_was_done_what_is_left_and_where_the_log_is(
    settings: Settings, error: Exception
) -> None:
    told = failed(settings, error)
    assert isinstance(told, InstallError)
    assert told.code == "unexpected"
    assert "while uv installed the packages" in told.message
    assert "Nothing of the new one is left." in told.message
    assert "SAMJ_HOME" not in told.hint
    assert "can't be written" not in told.message
    log = Path(told.details["log"])
    assert log.parent == settings.logs_dir
    text = log.read_text(encoding="utf-8")
    assert "Traceback" in text
    assert type(error).__name__ in text
    assert str(log) in told.hint


def test_a_disk_that_refuses_below_samj_home_is_told_so(settings: Settings) -> None:
    inside = str(settings.envs_dir / "samj" / "x" / "file")
    for number in (errno.EROFS, errno.EPERM):
        told = failed(settings, OSError(number, os.strerror(number), inside))
        assert (type(told), told.code) == (FileError, "not-writable")
        assert inside in told.message
        assert "SAMJ_HOME" in told.hint
        outside = failed(settings, OSError(number, os.strerror(number), "/elsewhere/file"))
        assert outside.code == "unexpected"
    for number in (errno.ENOSPC, errno.EDQUOT):
        for name in (None, inside):
            told = failed(settings, OSError(number, os.strerror(number), name))
            assert isinstance(told, NoSpaceError)
            assert str(settings.home) in told.message
        told = failed(settings, OSError(number, os.strerror(number), "/elsewhere/file"))
        assert isinstance(told, NoSpaceError)
        assert "/elsewhere" in told.message


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_file_that_can_not_be_read_is_no_folder_that_can_not_be_written(tmp_path: Path) -> None:
    # As somebody who is not the administrator, whom nothing is refused.
    code = (
        "import errno, os, sys; from pathlib import Path\n"
        "from samj_bridge.install.unexpected import explain_error; from samj_bridge.settings import Settings\n"
        "home = Path('home')\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "for path in (home / 'open' / 'file', home / 'closed' / 'file'):\n"
        "    error = PermissionError(errno.EACCES, 'Permission denied', str(path))\n"
        "    print(explain_error(error, Settings(home=home), doing='x', before=None).code)\n"
    )
    tmp_path.chmod(0o755)
    for name, mode in (("home", 0o777), ("home/open", 0o777), ("home/closed", 0o555)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout.split() == ["unexpected", "not-writable"], done.stderr


def test_the_log_has_what_a_program_said_and_old_logs_go(settings: Settings, tmp_path: Path) -> None:
    settings.logs_dir.mkdir(parents=True)
    for number in range(20):
        (settings.logs_dir / f"install-19990101-0000{number:02}-1.txt").write_text("old")
    try:
        try:
            raise InstallError("uv failed.", stderr=["its last", "words"])
        except InstallError as error:
            raise ValueError("no sense in that") from error
    except ValueError as error:
        told = explain_error(error, settings, doing="x", before=tmp_path)
    assert f"The environment from before ({tmp_path}) is as it was." in told.message
    assert "its last\nwords\n" in Path(told.details["log"]).read_text(encoding="utf-8")
    assert len(list(settings.logs_dir.glob("install-*"))) == 10


def test_where_no_log_can_be_kept_the_words_still_come(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    settings.logs_dir.write_text("a file in the place of the folder")
    told = explain_error(RuntimeError("x"), settings, doing="x", before=None)
    assert (told.code, told.details["log"]) == ("unexpected", "")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("failed to write to `{home}/envs/samj/x`: Permission denied (os error 13)", "not-writable"),
        ("failed to open `/elsewhere/uv/x`: Permission denied (os error 13)", "refused"),
        ("failed to open `/elsewhere/uv/x`: Operation not permitted (os error 1)", "refused"),
        ("failed to read `{home}/x`: Input/output error (os error 5)", "disk-failed"),
        ("something (os error 15)", "uv-failed"),
    ],
)
def test_what_uv_complains_of_is_told_apart(line: str, code: str, settings: Settings) -> None:
    told = failure(Finished(2, (), (f"error: {line.format(home=settings.home)}",)), settings)
    assert told.code == code
    assert ("SAMJ_HOME" in told.hint) == (code == "not-writable")

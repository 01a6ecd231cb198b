"""Nobody listens any more: a pipe or stream is closed, a terminal goes away. The work goes on to its end.

What is told beside the answer never counts; an answer that could not be given makes the exit code 1.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and terminals of POSIX")

# A command that works for a while, tells its progress in between, prints, and leaves a mark when it is done.
WORKING = """
import logging, os, sys, time
from pathlib import Path
from samj_bridge.cli.main import app, main
from samj_bridge.cli.options import command_of
from samj_bridge.cli.result import Result
from samj_bridge.progress import ProgressEvent, notify

mark = Path(sys.argv[1])

@command_of(app, "work")
def work(call) -> None:
    '''Work.'''
    def body(settings, progress, cancel):
        for number in range(20):
            notify(progress, ProgressEvent("download", "Fetching é漢", number, 20, "bytes"))
            logging.getLogger("samj_bridge").warning("a warning %s", "x" * 10_000)
            (mark / "begun").touch()
            time.sleep(0.05)
        with (mark / "file").open("w") as file:
            (mark / "descriptor").write_text(str(file.fileno()))
        (mark / "done").touch()
        return Result("work", data={"a": "x" * 300_000}, lines=["line é漢 " + "x" * 100] * 1_500)
    call.run(body)

sys.argv = ["samj-bridge", "work", *sys.argv[2:]]
main()
"""


def environ(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("SAMJ_")} | more


def shell(script: str, mark: Path) -> subprocess.CompletedProcess[bytes]:
    command = ["sh", "-c", script, sys.executable, WORKING, str(mark)]
    return subprocess.run(command, capture_output=True, check=False, timeout=120, env=environ())


@pytest.mark.parametrize("option", ["", "--json"])
@pytest.mark.parametrize(
    ("streams", "status"), [("2>&-", 0), ("2>/dev/full", 0), ("<&- >&- 2>&-", 1), (">/dev/full 2>/dev/full", 1)]
)
def test_streams_that_are_closed_or_full_do_not_end_the_work(
    tmp_path: Path, streams: str, status: int, option: str
) -> None:
    finished = shell(f'"$0" -c "$1" "$2" {option} {streams}', tmp_path)
    assert (tmp_path / "done").exists(), finished.stderr
    assert finished.returncode == status
    assert finished.stderr == b""
    if status == 0 and not option:
        assert finished.stdout.count("line é漢".encode()) == 1_500
    # The number of a closed stream is nobody else's: what a library says must not land in a file of ours.
    assert int((tmp_path / "descriptor").read_text()) > 2


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_reader_of_the_talk_that_leaves_after_one_line_changes_nothing(tmp_path: Path, option: str) -> None:
    # The status of the first one in the pipe goes to descriptor 3.
    script = (
        f'{{ {{ "$0" -c "$1" "$2" {option} 2>&1 >/dev/null; echo status $? >&3; }} | head -c 10 >/dev/null; }} 3>&1'
    )
    finished = shell(script, tmp_path)
    assert (tmp_path / "done").exists(), finished.stderr
    assert finished.stdout == b"status 0\n"


@pytest.mark.parametrize("option", ["", "--json"])
def test_a_reader_of_the_answer_that_leaves_after_one_line_does_not_end_the_work(
    tmp_path: Path, option: str
) -> None:
    script = f'{{ {{ "$0" -c "$1" "$2" {option}; echo status $? >&3; }} | head -c 10 >/dev/null; }} 3>&1'
    finished = shell(script, tmp_path)
    assert (tmp_path / "done").exists(), finished.stderr
    assert finished.stdout == b"status 1\n"
    assert b"Traceback" not in finished.stderr
    assert b"BrokenPipe" not in finished.stderr


def test_a_terminal_that_goes_away_does_not_end_the_work(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    # Without a controlling terminal nobody is sent a signal: as under nohup.
    child = subprocess.Popen(
        [sys.executable, "-c", WORKING, str(tmp_path)],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
        start_new_session=True,
        env=environ(TERM="xterm", COLUMNS="80"),
    )
    os.close(theirs)
    deadline = time.monotonic() + 60
    while not (tmp_path / "begun").exists():
        assert time.monotonic() < deadline
        assert os.read(ours, 100_000)
    os.close(ours)
    assert child.wait(60) == 0
    assert (tmp_path / "done").exists()

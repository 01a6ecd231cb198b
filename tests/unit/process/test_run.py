"""Child processes: every line arrives, nothing hangs, nothing is left running."""

from __future__ import annotations

import errno
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from samj_bridge.errors import Cancelled, FileError, SamjError
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.locks import has_locks, hold_lock, is_locked, try_lock
from samj_bridge.process.run import Finished, run
from samj_bridge.progress import CancelToken

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX process groups")


def python(code: str, **options: object) -> Finished:
    return run([sys.executable, "-c", code], env=dict(os.environ), **options)  # type: ignore[arg-type]


def alive(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def gone(pid: int) -> bool:
    for _ in range(200):
        if not alive(pid):
            return True
        time.sleep(0.05)
    return False


def test_output_and_exit_status_come_back() -> None:
    finished = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert finished == Finished(3, ("out",), ("err",))


def test_lines_arrive_while_the_child_runs_even_when_they_are_not_utf_8() -> None:
    lines: list[str] = []
    python(r"import os; os.write(2, b'\xff\xfe ok\r\nprogress 1\rprogress 2\nlast')", on_line=lines.append)
    assert lines == ["\ufffd\ufffd ok", "progress 1", "progress 2", "last"]


def test_much_output_on_both_sides_neither_blocks_nor_fills_the_memory() -> None:
    finished = python("import sys\nfor i in range(50_000): print(i); print(i, file=sys.stderr)")
    assert finished.stdout[-1] == finished.stderr[-1] == "49999"
    assert len(finished.stdout) == 5_000


def test_a_program_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(SamjError, match="nothing here can't be started: No such file") as caught:
        run([tmp_path / "nothing here"], env=dict(os.environ))
    assert caught.value.code == "cannot-start"


def test_the_childs_variables_are_the_given_ones_alone() -> None:
    finished = run(
        [sys.executable, "-c", "import os; print(os.environ.get('GIVEN'), 'HOME' in os.environ)"],
        env={"GIVEN": "é漢"},
    )
    assert finished.stdout == ("é漢 False",)


def test_a_child_that_takes_too_long_is_killed() -> None:
    finished = python("import time; time.sleep(600)", timeout_s=0.5)
    assert finished.timed_out
    assert finished.returncode != 0


@posix_only
def test_cancel_kills_the_children_of_the_child_too() -> None:
    token = CancelToken()
    pids: list[int] = []

    def on_line(line: str) -> None:
        pids.append(int(line))
        token.cancel()

    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, file=sys.stderr, flush=True)\n"
        "child.wait()"
    )
    with pytest.raises(Cancelled):
        python(code, on_line=on_line, cancel=token)
    assert len(pids) == 1
    assert gone(pids[0])


@posix_only
def test_a_grandchild_that_holds_the_pipes_open_does_not_hang_us() -> None:
    sleeper = "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    code = f"import subprocess, sys; print({sleeper}.pid)"
    finished = python(code, timeout_s=60)
    assert not finished.timed_out
    assert gone(int(finished.stdout[0]))


def test_a_token_that_is_set_already_starts_nothing(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        python(f"open({str(tmp_path / 'ran')!r}, 'w')", cancel=token)
    assert not (tmp_path / "ran").exists()


def test_ticks_come_on_the_calling_thread() -> None:
    threads = []
    python("import time; time.sleep(0.6)", on_tick=lambda: threads.append(threading.current_thread()), tick_s=0.1)
    assert set(threads) == {threading.current_thread()}


def test_clean_variables_keep_home_proxies_and_certificates_and_nothing_of_python() -> None:
    kept = {
        "HOME": "/h",
        "HTTPS_PROXY": "p",
        "no_proxy": "n",
        "SSL_CERT_FILE": "c",
        "UV_CACHE_DIR": "u",
        "PATH": "/bin",
    }
    names = ("PYTHONPATH", "PYTHONHOME", "PIP_INDEX_URL", "UV_INDEX", "CONDA_PREFIX", "VIRTUAL_ENV")
    dropped = dict.fromkeys(names, "x")
    assert clean_environ({**kept, **dropped}) == {**kept, "PYTHONNOUSERSITE": "1"}


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_named_for_other_programs_are_handed_on(name: str) -> None:
    assert clean_environ({name: "ca.pem"})["SSL_CERT_FILE"] == "ca.pem"
    assert clean_environ({name: "ca.pem", "SSL_CERT_FILE": "own.pem"})["SSL_CERT_FILE"] == "own.pem"


def test_a_lock_has_one_holder_and_the_next_is_told_who_it_is(tmp_path: Path) -> None:
    path = tmp_path / "lock é漢"
    assert not is_locked(path)
    told: list[dict[str, str]] = []
    got = threading.Event()
    waiting = threading.Event()

    def wait() -> None:
        def on_wait(holder: dict[str, str]) -> None:
            told.append(holder)
            waiting.set()

        with hold_lock(path, on_wait=on_wait):
            got.set()

    with hold_lock(path):
        assert is_locked(path)
        thread = threading.Thread(target=wait)
        thread.start()
        assert waiting.wait(120)
        assert not got.is_set()
    assert got.wait(120)
    thread.join()
    assert told[0]["pid"] == str(os.getpid())
    assert not is_locked(path)


def test_waiting_for_a_lock_can_be_cancelled(tmp_path: Path) -> None:
    token = CancelToken()
    with (
        hold_lock(tmp_path / "lock"),
        pytest.raises(Cancelled),
        hold_lock(tmp_path / "lock", on_wait=lambda holder: token.cancel(), cancel=token),
    ):
        pass


def test_a_lock_in_a_folder_that_is_none_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="file"), hold_lock(tmp_path / "file" / "lock"):
        pass


@pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_a_disk_without_locks_is_named_and_never_counts_as_free(number, tmp_path, monkeypatch):
    import fcntl

    def refuse(_handle, _operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(FileError, match="no file locks") as caught, hold_lock(tmp_path / "lock"):
        pass
    assert caught.value.code == "no-locks"
    assert is_locked(tmp_path / "lock")
    with try_lock(tmp_path / "lock") as got:
        assert not got


@pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")
def test_locks_over_nfs_which_wants_files_to_be_read_are_found(tmp_path, monkeypatch):
    import fcntl

    real = fcntl.flock

    def as_over_nfs(handle, operation):
        opened = fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE
        needed = os.O_RDONLY if operation & fcntl.LOCK_SH else os.O_WRONLY
        if opened not in (needed, os.O_RDWR):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        real(handle, operation)

    monkeypatch.setattr(fcntl, "flock", as_over_nfs)
    assert has_locks(tmp_path / "lock")
    with hold_lock(tmp_path / "lock"):
        assert has_locks(tmp_path / "lock")
        assert is_locked(tmp_path / "lock")


def test_callbacks_that_raise_change_nothing_of_what_the_child_does() -> None:
    # It dies of a pipe that is closed under it, so it would not say what it says at the end.
    code = (
        "import sys, time\n"
        "for number in range(40):\n"
        "    print('line', number, file=sys.stderr, flush=True)\n"
        "    time.sleep(0.01)\n"
        "print('done')\n"
        "sys.exit(5)"
    )
    calls: list[str] = []

    def bad(*what: str) -> None:
        calls.append("".join(what))
        raise FileNotFoundError(errno.ENOENT, "it vanished", "a folder")

    finished = python(code, on_line=bad, on_tick=bad, tick_s=0.02)
    assert finished == Finished(5, ("done",), tuple(f"line {number}" for number in range(40)))
    assert "line 39" in calls
    assert "" in calls


@pytest.mark.parametrize("where", ["on_line", "on_tick"])
@pytest.mark.parametrize("kind", [Cancelled, KeyboardInterrupt])
def test_a_callback_that_stops_the_work_ends_the_child(
    where: str, kind: type[BaseException], tmp_path: Path
) -> None:
    code = (
        f"import os, sys, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n"
        "print('begun', file=sys.stderr, flush=True)\n"
        "time.sleep(600)"
    )

    def stop(*what: str) -> None:
        if (tmp_path / "pid").exists():
            raise kind("enough")

    with pytest.raises(kind):
        python(code, **{where: stop, "tick_s": 0.05})
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_waiting_process_waits_on_whatever_its_callbacks_raise(tmp_path: Path) -> None:
    calls: list[object] = []

    def bad(*what: object) -> None:
        calls.append(what)
        raise RuntimeError("no")

    ready, end = threading.Event(), threading.Event()

    def hold() -> None:
        with hold_lock(tmp_path / "lock"):
            ready.set()
            end.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait(60)
    timer = threading.Timer(1.5, end.set)
    timer.start()
    with hold_lock(tmp_path / "lock", on_wait=bad, on_tick=bad):
        assert end.is_set()
    holder.join()
    assert len(calls) >= 2

"""What micromamba says, as it was seen, and the cause that is told of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.install.builders.micromamba.complaints import listen, signal_of
from samj_bridge.install.builders.micromamba.errors import explain, unsolvable
from samj_bridge.process.run import Finished
from samj_bridge.settings import Settings

NOTICE = (
    "warning  libmamba Security Warning: This transaction includes executing package scripts (pre/post-link/unlink)"
    " if present. These scripts can contain arbitrary code. Please ensure you trust the package sources."
)
BACKTRACE = """\
info     libmamba ****** Backtrace Start ******
debug    libmamba Transfer finished with status 404, permission denied
warning  libmamba Subdir noarch not loaded
info     libmamba ****** Backtrace End ********"""
SHA256 = "ab" * 32
GIGABYTE = 10**9


def ended(text: str, returncode: int = 1) -> Finished:
    return Finished(returncode, (), tuple(text.splitlines()))


def cause(text: str, *, free: int = 50 * GIGABYTE, needed: int = 0, proxy: str = "") -> tuple[str, str]:
    settings = Settings(home=Path("/home/me/samj"), proxy=proxy)
    error = explain(ended(f"{NOTICE}\n{text}\n{BACKTRACE}"), settings, free, needed)
    assert "Backtrace" not in str(error)
    assert "Security Warning" not in str(error)
    assert error.hint
    return error.code, error.message


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (
            "critical libmamba Write failed\ncritical libmamba Found incorrect downloads. Aborting",
            "no-space",
            "full",
        ),
        (
            (
                'error    libmamba Error opening for reading "/x/info/index.json"\n'
                "critical libmamba Found incorrect downloads. Aborting"
            ),
            "damaged-package",
            "info/index.json",
        ),
        (
            (
                f'error    libmamba File not valid: SHA256 doesn\'t match expectation "a-1-0.conda"\n'
                f"    Expected: {SHA256}\n    Actual: {'cd' * 32}\n"
                "critical libmamba Found incorrect downloads. Aborting"
            ),
            "hash-mismatch",
            f"Expected: {SHA256}",
        ),
        (
            (
                'error    libmamba File not valid: file size doesn\'t match expectation "a-1-0.conda"\n'
                "    Expected: 1000\n    Actual: 998"
            ),
            "hash-mismatch",
            "Actual: 998",
        ),
        (
            (
                f'error    libmamba File not valid: SHA256 doesn\'t match expectation "\x10\x1b[2J\ufffd"\n'
                f"    Expected: {SHA256}\n    Actual: \x07\ufffd\ufffd\n"
                "error    libmamba Download error: status 404 [http://host/c/noarch/a-1-0.conda]"
            ),
            "refused",
            "http://host/c/noarch/a-1-0.conda can't be had: the server answered 404",
        ),
        (
            (
                f'error    libmamba File not valid: SHA256 doesn\'t match expectation "\x10\ufffd"\n'
                f"    Expected: {SHA256}\n    Actual: \ufffd\ufffd"
            ),
            "damaged-package",
            "File not valid",
        ),
        (
            (
                "critical libmamba Multiple errors occurred:\n"
                "    Download error (7) Couldn't connect to server [https://h/c]\n"
                "    Failed to connect to h port 443 after 2 ms: Couldn't connect to server"
            ),
            "network",
            "No connection to https://h/c (Download error (7)",
        ),
        (
            "critical libmamba Multiple errors occurred:\n    parse error at line 1",
            "micromamba-failed",
            "parse error",
        ),
        ("critical libmamba Multiple errors occurred:", "micromamba-failed", "exit status 1"),
        ("error    libmamba Could not open '/x': Permission denied", "not-writable", "Permission denied"),
    ],
)
def test_the_cause_is_told_and_not_what_stands_around_it(text: str, code: str, says: str) -> None:
    found, message = cause(text)
    assert found == code
    assert says in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "line",
    [
        "Failed to connect to proxy.example port 3128 after 0 ms: Couldn't connect to server",
        "Could not resolve proxy: proxy.example",
        "Failed to connect to h port 443 via proxy.example after 1 ms: Could not connect to server",
    ],
)
def test_a_dead_proxy_is_named_without_its_password(line: str) -> None:
    heading = "critical libmamba Multiple errors occurred:"
    text = f"{heading}\n    Download error (7) Couldn't connect [https://h/c]\n    {line}"
    code, message = cause(text, proxy="http://me:secret@proxy.example:3128")
    assert code in {"network", "proxy"}
    assert message.startswith("The proxy proxy.example:3128 can't be reached")
    assert "secret" not in message
    # Another host's troubles are not the proxy's.
    assert "The proxy other" not in cause(text, proxy="http://other.example:3128")[1]


@pytest.mark.parametrize(
    ("returncode", "name", "code"),
    [
        (-9, "SIGKILL", "killed"),
        (137, "SIGKILL", "killed"),
        (-11, "SIGSEGV", "crashed"),
        (134, "SIGABRT", "crashed"),
    ],
)
def test_a_signal_is_the_cause_whatever_was_said_before(returncode: int, name: str, code: str) -> None:
    finished = ended(NOTICE, returncode)
    assert signal_of(finished) == name
    error = explain(finished, Settings(home=Path("/home/me")), 50 * GIGABYTE)
    assert error.code == code
    assert name in error.message
    assert "Security" not in str(error)
    assert error.details["signal"] == name


def test_its_steps_are_no_reasons() -> None:
    finished = Finished(1, ("Transaction starting", "Linking tiny-1.0-py_0"), (NOTICE, *BACKTRACE.splitlines()))
    error = explain(finished, Settings(home=Path("/home/me")), 50 * GIGABYTE)
    assert error.message == "micromamba failed: exit status 1."
    said = Finished(1, finished.stdout, (NOTICE, "critical libmamba Odd thing", *BACKTRACE.splitlines()))
    assert explain(said, Settings(home=Path("/home/me")), 50 * GIGABYTE).message == "micromamba failed: Odd thing."


def test_exit_codes_of_its_own_are_no_signals() -> None:
    assert [signal_of(ended("", code)) for code in (0, 1, 109, 128, 255)] == [""] * 5


def test_a_crash_on_windows_is_told_by_its_number() -> None:
    assert signal_of(ended("", 0xC0000005)) == "exception 0xC0000005"


def test_a_write_that_fails_beside_much_room_is_no_full_disk() -> None:
    text = "critical libmamba Write failed"
    assert cause(text, free=90_000_000, needed=200_000_000)[0] == "no-space"
    assert cause(text, free=50 * GIGABYTE, needed=GIGABYTE)[0] == "write-failed"
    assert cause("error    libmamba No space left on device", free=50 * GIGABYTE, needed=GIGABYTE)[0] == "no-space"


def test_the_solvers_reasons_come_without_log_lines() -> None:
    text = (
        f"{NOTICE}\nerror    libmamba Could not solve for environment specs\n"
        f"    The following package could not be installed\n"
        f"    └─ tiny ==4.0 does not exist (perhaps a typo or a missing channel).\n"
        f"critical libmamba Could not solve for environment specs\n{BACKTRACE}"
    )
    error = unsolvable(ended(text))
    assert error.details["reasons"] == ["tiny ==4.0 does not exist (perhaps a typo or a missing channel)"]


def test_passwords_in_what_it_says_are_hidden() -> None:
    said = listen(
        ["error    libmamba Download error [http://me:secret@host/t/tk-1/c/a.conda?sig=x] and (http://[odd)"]
    )
    assert said.complaints == ("Download error [http://host/t/*****/c/a.conda?*****] and (http://[odd)",)

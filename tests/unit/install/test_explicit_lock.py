"""Explicit locks: read strictly, written as they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from samj_bridge.errors import FileError, InstallError
from samj_bridge.install.locks.explicit import ExplicitLock, parse_explicit, read_explicit, write_explicit

A = "a" * 64
B = "b" * 64
SIX = "https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda"
ZLIB = "https://conda.anaconda.org/conda-forge/linux-64/zlib-ng-2.2.4-h7955e40_0.tar.bz2"


def lock_of(*lines: str) -> ExplicitLock:
    return parse_explicit("\n".join(["# platform: linux-64", "@EXPLICIT", *lines]) + "\n")


def test_a_lock_names_its_packages_files_and_records() -> None:
    lock = lock_of(f"{SIX}#sha256:{A}", f"{ZLIB}#{B}")
    assert lock.platform == "linux-64"
    six, zlib = lock.packages
    assert (six.name, six.version, six.build, six.subdir) == ("six", "1.17.0", "pyhe01879c_1", "noarch")
    assert six.record == "six-1.17.0-pyhe01879c_1.json"
    assert six.channel == "https://conda.anaconda.org/conda-forge"
    assert (zlib.name, zlib.filename, zlib.sha256) == ("zlib-ng", "zlib-ng-2.2.4-h7955e40_0.tar.bz2", B)


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    pin = f"tiny==1.0 --hash=sha256:{A}"
    lock = parse_explicit(f"# platform: linux-64\n# pypi: {pin}\n@EXPLICIT\n{ZLIB}#sha256:{A}\n{SIX}#{'c' * 32}\n")
    assert lock.pypi == (pin,)
    assert write_explicit(lock.platform, lock.packages, tmp_path / "é.txt", lock.pypi) == lock
    assert read_explicit(tmp_path / "é.txt") == lock


def test_a_byte_order_mark_and_the_line_ends_of_windows_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "lock.txt"
    path.write_bytes(b"\xef\xbb\xbf@EXPLICIT\r\n" + f"{ZLIB}#{A}\r\n\r\n".encode())
    assert read_explicit(path).platform == "linux-64"


def test_letters_beyond_ascii_are_percent_encoded() -> None:
    (package,) = lock_of(f"file:///d/a channel é/noarch/six-1-0.conda#{A}").packages
    assert package.url == "file:///d/a%20channel%20%C3%A9/noarch/six-1-0.conda"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([SIX], "six-1.17.0-pyhe01879c_1.conda has no hash"),
        ([f"{SIX}#sha256:12"], "neither sha256 nor md5"),
        ([f"six-1.17.0#{A}"], "is not an address"),
        ([f"https://x.org/noarch/six.conda#{A}"], "is not the name of a conda package"),
        ([f"https://x.org/six-1-0.conda#{A}"], "folder of a platform"),
        ([f"{SIX}#{A}", f"{SIX}#{A}"], "six is there 2 times"),
        ([f"https://x.org/osx-64/six-1-0.conda#{A}"], "for linux-64, but has packages for osx-64"),
        (["# pypi: six==1.17.0"], "not pinned with a sha256"),
    ],
)
def test_a_line_that_could_be_misread_is_refused(lines: list[str], says: str) -> None:
    with pytest.raises(InstallError, match=says) as caught:
        lock_of(*lines)
    assert caught.value.code == "bad-lock"


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InstallError) as caught:
        lock_of(SIX, "x", f"{ZLIB}#12")
    assert len(caught.value.details["problems"]) == 3


@pytest.mark.parametrize("text", ["", "version: 6\n", "{}", "@EXPLICIT\n"])
def test_what_is_no_explicit_lock_is_refused(text: str) -> None:
    with pytest.raises(InstallError, match="can't be used as a lock"):
        parse_explicit(text)


def test_a_lock_for_another_platform_is_refused_with_both_named() -> None:
    with pytest.raises(InstallError, match=r"for linux-64, and this machine is win-64") as caught:
        lock_of(f"{SIX}#{A}").check_platform("win-64")
    assert caught.value.code == "wrong-platform"


def test_a_lock_that_is_not_there_or_no_text_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for path in (tmp_path / "none", tmp_path / "binary", tmp_path):
        with pytest.raises(FileError, match="can't be read"):
            read_explicit(path)

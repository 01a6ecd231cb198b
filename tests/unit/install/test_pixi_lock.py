"""pixi.lock is read as pixi's own library reads and writes it, and what can't be made elsewhere is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import rattler
from fakes.conda_channel import CondaChannel, serve_channel

from samj_bridge.errors import FileError, InstallError
from samj_bridge.install.locks.any import builder_of, read_lock
from samj_bridge.install.locks.explicit import ExplicitLock, parse_explicit
from samj_bridge.install.locks.pixi import is_pixi_lock, parse_pixi_lock
from samj_bridge.install.locks.pypi import PypiLock, parse_pypi_lock

A, B, C = "a" * 64, "b" * 64, "c" * 64

# As pixi 0.67 writes it: format 6.
FORMAT_6 = f"""\
version: 6
environments:
  cpu:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    indexes:
    - https://pypi.org/simple
    options:
      pypi-prerelease-mode: if-necessary-or-explicit
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda
      - conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.12.2-hab00c5b_0_cpython.conda
      - pypi: https://files.example.org/packages/Typing_Extensions-4.1-py3-none-any.whl
      win-64:
      - conda: https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda
packages:
- conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.12.2-hab00c5b_0_cpython.conda
  sha256: {A}
  md5: {"0a" * 16}
  license: Python-2.0
  size: 32312631
  timestamp: 1708118077305
- conda: https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda
  sha256: {B}
  md5: {"1a" * 16}
  depends:
  - python >=3.9
  - python
  license: MIT
  size: 18455
  timestamp: 1753199211006
- pypi: https://files.example.org/packages/Typing_Extensions-4.1-py3-none-any.whl
  name: typing-extensions
  version: '4.1'
  sha256: {C}
  requires_python: '>=3.6'
"""

# As pixi 0.79 writes it: format 7, with a name of its own for the platform.
FORMAT_7 = FORMAT_6.replace(
    "version: 6\n",
    "version: 7\nplatforms:\n- name: linux-64-system\n  subdir: linux-64\n  virtual-packages:\n  - __glibc=2.28\n"
    "- name: win-64\n",
).replace("      linux-64:\n", "      linux-64-system:\n")

WHEEL = "https://files.example.org/packages/Typing_Extensions-4.1-py3-none-any.whl"
LINES = [
    "# platform: linux-64",
    f"# pypi: typing-extensions @ {WHEEL} --hash=sha256:{C}",
    "@EXPLICIT",
    f"https://conda.anaconda.org/conda-forge/linux-64/python-3.12.2-hab00c5b_0_cpython.conda#sha256:{A}",
    f"https://conda.anaconda.org/conda-forge/noarch/six-1.17.0-pyhe01879c_1.conda#sha256:{B}",
]


@pytest.mark.parametrize("text", [FORMAT_6, FORMAT_7], ids=["6", "7"])
def test_both_formats_become_the_same_list_with_each_package_after_what_it_needs(text: str) -> None:
    lock = parse_pixi_lock(text, "linux-64", ("cpu",))
    assert lock.text.splitlines() == LINES
    assert parse_explicit(lock.text) == lock


@pytest.mark.parametrize("text", [FORMAT_6, FORMAT_7], ids=["6", "7"])
def test_pixis_own_library_reads_the_same_from_them(text: str, tmp_path: Path) -> None:
    (tmp_path / "pixi.lock").write_text(text)
    environment = rattler.LockFile.from_path(tmp_path / "pixi.lock").environment("cpu")
    assert environment is not None
    platform = next(item for item in environment.platforms() if item.name.startswith("linux-64"))
    records = environment.conda_repodata_records_for_platform(platform)
    assert records is not None
    theirs = {str(record.url): record.sha256.hex() for record in records}
    ours = parse_pixi_lock(text, "linux-64", ("cpu",))
    assert {package.url: package.sha256 for package in ours.packages} == theirs


def test_what_pixis_own_library_writes_is_read(tmp_path: Path) -> None:
    channel = CondaChannel(tmp_path / "channel")
    channel.add_python()
    channel.add_module("tiny", "1.0", "")
    channel.add_module("torch", "1.0", "", depends=("python", "tiny"), suffix=".tar.bz2")
    channel.index()
    with serve_channel(channel) as served:
        text, records = asyncio.run(_locked(served, tmp_path))
    assert text.startswith("version: 7")
    lock = parse_pixi_lock(text, "linux-64")
    assert [package.name for package in lock.packages] == ["python", "tiny", "torch"]
    assert {package.filename: package.sha256 for package in lock.packages} == records


async def _locked(channel: CondaChannel, folder: Path) -> tuple[str, dict[str, str]]:
    sources = [
        rattler.SparseRepoData(rattler.Channel(channel.url), subdir, channel.folder / subdir / "repodata.json")
        for subdir in ("linux-64", "noarch")
    ]
    virtual = rattler.VirtualPackage.detect()
    records = await rattler.solve(sources=sources, specs=["torch", "python"], virtual_packages=virtual)
    platform = rattler.LockPlatform("linux-64")
    lock = rattler.LockFile([platform])
    lock.set_channels("default", [rattler.LockChannel(channel.url)])
    for record in reversed(records):
        lock.add_conda_package("default", platform, record)
    lock.to_path(folder / "pixi.lock")
    return (folder / "pixi.lock").read_text(), {record.file_name: record.sha256.hex() for record in records}


@pytest.mark.parametrize(
    ("text", "platform", "environment", "code", "words"),
    [
        (FORMAT_6, "osx-arm64", "cpu", "wrong-platform", "linux-64, win-64, and not for osx-arm64"),
        (FORMAT_7, "linux-aarch64", "cpu", "wrong-platform", "linux-64-system, win-64"),
        (FORMAT_6, "linux-64", "gpu", "no-such-environment", "no environment gpu"),
        (FORMAT_6.replace("version: 6", "version: 99"), "linux-64", "cpu", "lock-version", "format 99"),
        (FORMAT_6.replace("version: 6", "version: 5"), "linux-64", "cpu", "lock-version", "format 5"),
        (FORMAT_6.replace(f"  sha256: {C}\n", ""), "linux-64", "cpu", "bad-lock", "has no sha256"),
        (FORMAT_6.replace(f"sha256: {B}", "sha256: 1234"), "linux-64", "cpu", "bad-lock", "neither sha256 nor md5"),
        (
            FORMAT_6.replace("packages:\n- conda", "packages:\n- other", 1),
            "linux-64",
            "cpu",
            "bad-lock",
            "described",
        ),
        (
            FORMAT_6.replace("      - pypi: https", "      - pypi: ./mine\n      - pypi: https"),
            "linux-64",
            "cpu",
            "bad-lock",
            "./mine is built from sources or lies in a folder",
        ),
        (
            FORMAT_7.replace("      - pypi:", "      - conda_source: x[12345678] @ ./x\n      - pypi:", 1),
            "linux-64",
            "cpu",
            "bad-lock",
            "is built from sources",
        ),
        ("version: 6\nenvironments:\n  cpu: {}\npackages: []\n", "linux-64", "cpu", "bad-lock", "no packages"),
        ("version: 6\nenvironments:\n - [\n", "linux-64", "cpu", "bad-lock", "not YAML"),
        ("version: 6\nenvironments:\nother: 1\n", "linux-64", "cpu", "bad-lock", "no environments"),
    ],
)
def test_what_cannot_be_made_from_it_is_said(
    text: str, platform: str, environment: str, code: str, words: str
) -> None:
    with pytest.raises(InstallError) as caught:
        parse_pixi_lock(text, platform, (environment,))
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.message.endswith("Nothing was installed.")
    assert caught.value.hint


def test_two_platforms_of_one_kind_are_asked_about_and_taken_by_name() -> None:
    text = FORMAT_7.replace("- name: win-64\n", "- name: win-64\n  subdir: linux-64\n")
    with pytest.raises(InstallError, match="several sets of packages for linux-64: linux-64-system, win-64"):
        parse_pixi_lock(text, "linux-64", ("cpu",))
    assert parse_pixi_lock(text, "linux-64-system", ("cpu",)).platform == "linux-64"


def test_the_kind_of_a_lock_shows_in_its_content(tmp_path: Path) -> None:
    head = "# platform: linux-64\n# python: 3.12\n"
    pins = f"{head}b==1 \\\n    --hash=sha256:{A}\na[x]==2 ; y > '3' --hash=sha256:{B}\n"
    texts = {"pixi": FORMAT_6, "explicit": "\n".join(LINES), "pypi": pins}
    kinds = {}
    for name, text in texts.items():
        (tmp_path / name).write_text("\ufeff" + text if name == "pypi" else text, encoding="utf-8")
        kinds[name] = read_lock(tmp_path / name, "linux-64", ("default", "cpu"))
    assert kinds["pixi"] == kinds["explicit"]
    assert isinstance(kinds["explicit"], ExplicitLock)
    pypi = kinds["pypi"]
    assert isinstance(pypi, PypiLock)
    assert (pypi.platform, pypi.python) == ("linux-64", "3.12")
    assert parse_pypi_lock(pypi.text).pins == tuple(sorted(pypi.pins))
    assert [builder_of(lock) for lock in kinds.values()] == ["micromamba", "micromamba", "uv"]
    assert not is_pixi_lock("version: 6")


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "bad-lock", "no package"),
        ("numpy>=2\nsix\n", "bad-lock", "'numpy>=2' is not pinned with a sha256; 'six'"),
        ("-r other.txt\n", "bad-lock", "'-r other.txt'"),
        (
            f"# platform: osx-64\na==1 --hash=sha256:{A}\n",
            "wrong-platform",
            "for osx-64, and this machine is linux-64",
        ),
        ("@EXPLICIT\nhttps://x/linux-64/a-1-0.conda\n", "bad-lock", "has no hash"),
        ("# platform: win-64\n@EXPLICIT\n", "wrong-platform", "win-64"),
    ],
)
def test_a_file_that_is_no_lock_or_one_for_another_machine_is_refused(
    text: str, code: str, words: str, tmp_path: Path
) -> None:
    (tmp_path / "lock").write_text(text)
    with pytest.raises(InstallError) as caught:
        read_lock(tmp_path / "lock", "linux-64")
    assert caught.value.code == code
    assert words in caught.value.message


def test_a_lock_that_is_not_there_or_no_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="can't be read"):
        read_lock(tmp_path / "none", "linux-64")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="can't be read"):
        read_lock(tmp_path / "binary", "linux-64")

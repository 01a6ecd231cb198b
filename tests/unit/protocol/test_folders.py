"""Folders that another process changes: whatever is looked for, nothing is raised, and no link is followed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from samj_bridge.errors import FileError
from samj_bridge.protocol.folders import file_size, folder_size, is_file, is_folder, list_folder, walk

# The administrator may read everything: this child gives that right away once it has imported what it needs.
NAMED = """
import os
from pathlib import Path
from samj_bridge.reading import find_images
from samj_bridge.download import Source
from samj_bridge.errors import FileError
from samj_bridge.models.by_hand import find_by_hand
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
source = Source((), "x.pt", 1, ())
for look in (lambda: find_images([Path("hidden")]), lambda: find_by_hand(source, Path("hidden"))):
    try:
        look()
    except FileError as error:
        print(error.message)
"""
REPOSITORY = Path(__file__).parents[3]
CHANGING = REPOSITORY / "tests" / "fakes" / "changing_tree.py"
# Looks until time is up; prints how many, and the names that it must never see.
LOOKING = """
import sys, time
from samj_bridge.protocol.folders import folder_size, list_folder, walk
begun, looks, forbidden, descriptors = time.monotonic(), 0, 0, set()
import os
while time.monotonic() - begun < float(sys.argv[2]):
    forbidden += sum(entry.name == "must never be seen" for entry in walk(sys.argv[1]))
    assert folder_size(sys.argv[1]) >= 1000
    for entry in list_folder(sys.argv[1]):
        list_folder(entry.path)
    looks += 1
    descriptors.add(len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0)
print(looks, forbidden, len(descriptors))
"""


@contextmanager
def changing(folder: Path, elsewhere: Path) -> Iterator[None]:
    command = [sys.executable, str(CHANGING), str(folder), str(elsewhere)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            child.stdin.close()
            rounds = child.stdout.read()
            child.wait(60)
        assert int(rounds) > 1
        assert child.returncode == 0


def pythons() -> list[str]:
    """Return an interpreter of each version from 3.10 to 3.14 that is here."""
    found = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.executable}
    for minor in range(10, 15):
        version = f"3.{minor}"
        installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
        candidates = [shutil.which(f"python{version}"), *map(str, sorted(installed))]
        for candidate in filter(None, candidates):
            asked = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False)
            if said.stdout.strip() == version:
                found.setdefault(version, candidate)
    return [found[version] for version in sorted(found)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with two files of 1,000 bytes in all that stay, and room for what changes."""
    folder = tmp_path / "tree"
    (folder / "stays" / "deep").mkdir(parents=True)
    (folder / "stays" / "a").write_bytes(bytes(400))
    (folder / "stays" / "deep" / "b").write_bytes(bytes(600))
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """What links in the tree lead to."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "must never be seen").write_bytes(bytes(1_000_000))
    return folder


@pytest.mark.parametrize("interpreter", pythons())
def test_trees_that_vanish_under_the_walk_are_left_out_and_no_link_is_followed(
    interpreter: str, tree: Path, elsewhere: Path
) -> None:
    with changing(tree, elsewhere):
        said = subprocess.run(
            [interpreter, "-c", LOOKING, str(tree), "2"],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        )
    assert said.stderr == ""
    looks, forbidden, descriptors = map(int, said.stdout.split())
    assert looks > 3
    assert forbidden == 0
    assert descriptors == 1, "every look gives back the descriptors that it opened"


def test_sizes_count_files_and_not_what_links_lead_to(tree: Path, elsewhere: Path) -> None:
    (tree / "link to a folder").symlink_to(elsewhere)
    (tree / "link to a file").symlink_to(elsewhere / "must never be seen")
    (tree / "broken link").symlink_to(tree / "nothing")
    os.link(elsewhere / "must never be seen", tree / "shared")
    assert folder_size(tree) == 1_001_000
    assert folder_size(tree, freed=True) == 1_000, "a file linked from elsewhere stays when the folder goes"
    names = [entry.path.relative_to(tree).as_posix() for entry in walk(tree)]
    assert sorted(names) == [
        *("broken link", "link to a file", "link to a folder", "shared", "stays", "stays/a", "stays/deep"),
        "stays/deep/b",
    ]
    assert names.index("stays") < names.index("stays/deep") < names.index("stays/deep/b")


def test_the_folder_itself_may_be_a_link(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tree)
    assert folder_size(link) == 1_000
    assert [entry.name for entry in list_folder(link)] == ["stays"]


def test_what_is_no_folder_holds_nothing_unless_a_person_named_it(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    for nothing in (tmp_path / "nothing", file, tmp_path / "nothing" / "below"):
        assert list_folder(nothing) == []
        assert list(walk(nothing)) == []
        assert folder_size(nothing) == 0
        with pytest.raises(OSError, match=r"No such file|Not a directory"):
            list_folder(nothing, named=True)
    assert (file_size(file), file_size(tmp_path), file_size(tmp_path / "nothing")) == (5, None, None)
    assert (is_file(file), is_folder(file), is_file(tmp_path), is_folder(tmp_path)) == (True, False, False, True)
    assert not is_file("a\0b")
    assert file_size("a\0b") is None


def test_a_walk_that_is_given_up_gives_back_its_descriptors(tree: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for _ in range(5):
        looking = walk(tree)
        next(looking)
        next(looking)
        looking.close()
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    assert after == before


def test_a_chain_of_folders_deeper_than_the_interpreter_may_recurse_is_walked(tmp_path: Path) -> None:
    made = 0
    inside = os.open(tmp_path, os.O_RDONLY)
    # Deeper than a path may be long, too.
    for _ in range(300):
        os.mkdir("d" * 20, dir_fd=inside)
        inner = os.open("d" * 20, os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = inner
        made += 1
    os.close(inside)
    assert sum(1 for _ in walk(tmp_path)) == made


def test_collectors_look_at_folders_that_another_process_changes(tree: Path, elsewhere: Path) -> None:
    from samj_bridge.install.builders.micromamba.index import index_sizes
    from samj_bridge.install.builders.micromamba.package_cache import scan_packages
    from samj_bridge.install.builders.uv.progress import UvProgress
    from samj_bridge.install.prefixes.environment import leases_of, prefixes_of
    from samj_bridge.install.prefixes.rubbish import find_rubbish
    from samj_bridge.models.store import Store
    from samj_bridge.progress import ignore_progress
    from samj_bridge.settings import Settings

    home = tree.parent / "home"
    for part in ("models", "envs", "cache"):
        home.mkdir(exist_ok=True)
        (home / part).symlink_to(tree)
    settings = Settings(home=home)
    (tree / "records").mkdir()
    seen = 0
    with changing(tree, elsewhere):
        uv = UvProgress(ignore_progress, lambda: [entry.path for entry in list_folder(tree)], rest=0)
        for _ in range(150):
            uv.line("Downloading torch (800.0MiB)")
            store = Store(settings)
            assert 1_000 <= store.size() < 1_000_000
            assert store.records() == []
            seen += len(prefixes_of(tree)) + len(list(scan_packages(tree))) + len(leases_of(tree / "x"))
            index_sizes(tree, tree)
            find_rubbish(settings, caches=True)
    assert seen >= 150


def test_a_folder_that_a_person_named_and_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    from samj_bridge.reading import find_images

    with pytest.raises(FileError, match="There is no file or folder"):
        find_images([tmp_path / "nothing"])
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    tmp_path.chmod(0o755)
    hidden.chmod(0)
    try:
        said = subprocess.run(
            [sys.executable, "-c", NAMED],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
    finally:
        hidden.chmod(0o755)
    assert said.stdout.splitlines() == [
        "The folder 'hidden' can't be read: Permission denied.",
        "The folder hidden can't be read: Permission denied.",
    ], said.stderr

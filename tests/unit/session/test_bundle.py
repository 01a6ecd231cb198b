import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from samj_bridge.errors import FileError
from samj_bridge.session.connection.bundle import bundle_bytes, write_bundle
from samj_bridge.settings import Settings

PACKAGE = Path(__file__).parents[3] / "samj_bridge"


def test_the_same_files_give_the_same_bytes_whatever_their_times(tmp_path):
    copy = tmp_path / "samj_bridge"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.pyc", "weights"))
    for path in copy.rglob("*.py"):
        os.utime(path, (1, 1))
        path.chmod(0o600)
    assert bundle_bytes(copy) == bundle_bytes()


def test_another_content_has_another_name(tmp_path, settings):
    copy = tmp_path / "samj_bridge"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.pyc", "weights"))
    (copy / "worker" / "loop.py").write_text("x = 1\n")
    assert bundle_bytes(copy) != bundle_bytes()


def test_it_holds_the_worker_and_nothing_of_the_host(settings):
    names = zipfile.ZipFile(write_bundle(settings)).namelist()
    assert "__main__.py" in names
    parts = {name.split("/")[1] for name in names if name.startswith("samj_bridge/")}
    assert parts == {"__init__.py", "version.py", "protocol", "geometry", "worker"}
    assert all(name.endswith(".py") for name in names)


@pytest.mark.parametrize("home", ["plain", "with space", "é 漢", "colon:and;more"])
def test_host_code_can_not_be_imported_from_it(tmp_path, home):
    bundle = write_bundle(Settings(home=tmp_path / home))
    program = (
        "import samj_bridge.protocol, samj_bridge\n"
        "try:\n    import samj_bridge.session\nexcept ImportError:\n    print('ok')\n"
    )
    code = f"import sys; sys.path.insert(0, sys.argv[1])\n{program}"
    found = subprocess.run([sys.executable, "-I", "-c", code, bundle], capture_output=True, text=True, check=True)
    assert found.stdout == "ok\n"


def test_it_is_written_once_and_mended_when_damaged(settings):
    path = write_bundle(settings)
    before = path.stat()
    assert write_bundle(settings) == path
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    path.write_bytes(b"half a")
    assert write_bundle(settings) == path
    assert path.read_bytes() == bundle_bytes()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_host_makes_it_once_and_keeps_it_when_the_package_is_changed_under_it(tmp_path):
    copy = tmp_path / "lib" / "samj_bridge"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("*.pyc", "weights"))
    program = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1])\n"
        "from samj_bridge.session.connection import bundle\n"
        "from samj_bridge.settings import Settings\n"
        "before = bundle.write_bundle(Settings(home=Path(sys.argv[2])))\n"
        "Path(bundle.__file__).parents[2].joinpath('worker', 'loop.py').write_text('x = 1')\n"
        "after = bundle.write_bundle(Settings(home=Path(sys.argv[2], 'other')))\n"
        "assert before.name == after.name and before != after, (before, after)\n"
        "assert before.read_bytes() == after.read_bytes() != bundle.bundle_bytes()\n"
    )
    command = [sys.executable, "-c", program, copy.parent, tmp_path / "home"]
    subprocess.run(command, check=True)
    assert (copy / "worker" / "loop.py").read_text() == "x = 1", "the copy was imported"


def test_a_folder_that_can_not_be_written_is_a_file_error(tmp_path):
    (tmp_path / "home").write_text("a file, not a folder")
    with pytest.raises(FileError, match="worker's code") as caught:
        write_bundle(Settings(home=tmp_path / "home"))
    assert caught.value.hint

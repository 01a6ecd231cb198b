"""The store, without any network or worker: what is there, by hand, shared, verified, removed."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes.model_files import table, write_catalog
from stored import DATA, YES, Bed

from samj_bridge.doctor.models import check_model
from samj_bridge.download import Digests
from samj_bridge.errors import Cancelled, FileError, ModelError, NoSpaceError
from samj_bridge.models import catalog, weights_file
from samj_bridge.models.obtain import downloads_of, obtain
from samj_bridge.models.record import Acceptance, Record, read_record
from samj_bridge.models.store import Store, disk_error, now
from samj_bridge.models.verifying import verify
from samj_bridge.process.locks import hold_lock
from samj_bridge.progress import CancelToken


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path, ours=table("https://x.example/w/ours.pth", DATA))


def test_what_is_installed_is_left_alone(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    first = bed.obtain()
    (bed.incoming / "x").unlink()
    assert bed.obtain() == first


def test_a_catalog_that_names_another_file_now_is_noticed(bed: Bed, tmp_path: Path) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    bed.convert(bed.obtain())
    assert weights_file(bed.entry(), bed.settings).is_file()
    changed = table("https://x.example/w/ours.pth", DATA + b"new")
    write_catalog(Path(bed.settings.catalog), ours=changed)
    with pytest.raises(ModelError, match="another one than the catalog names now") as caught:
        weights_file(bed.entry(), bed.settings)
    assert caught.value.code == "model-changed"


def test_a_model_that_is_not_installed_says_the_command(bed: Bed) -> None:
    with pytest.raises(ModelError) as caught:
        weights_file(bed.entry(), bed.settings)
    assert caught.value.code == "model-not-installed"
    assert "samj-bridge models install ours" in caught.value.hint


def test_a_checkpoint_waits_for_an_environment_and_then_goes(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    record = bed.obtain()
    with pytest.raises(ModelError) as caught:
        weights_file(bed.entry(), bed.settings)
    assert caught.value.code == "model-not-converted"
    bed.convert(record)
    assert weights_file(bed.entry(), bed.settings).read_bytes() == b"converted"
    assert not bed.store.source_path(record).exists()
    assert bed.files() == {"records/ours.json", f"weights/{record.source}.safetensors", "incoming/x"}


def test_weights_that_were_cut_or_deleted_are_noticed_before_they_are_loaded(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    record = bed.convert(bed.obtain())
    path = bed.store.weights_path(record)
    path.write_bytes(b"conv")
    with pytest.raises(ModelError, match="cut short") as caught:
        weights_file(bed.entry(), bed.settings)
    assert caught.value.code == "weights-missing"
    path.unlink()
    with pytest.raises(ModelError, match="have gone"):
        weights_file(bed.entry(), bed.settings)
    # And installing again mends it.
    assert bed.obtain().weights is None


def test_the_same_bytes_under_two_names_are_kept_once_and_stay_as_long_as_one_is_left(tmp_path: Path) -> None:
    fields = table("https://x.example/a.pth", DATA)
    bed = Bed(tmp_path, ours=fields, theirs={**fields, "url": "https://x.example/b.pth"})
    (bed.incoming / "x").write_bytes(DATA)
    record = bed.convert(bed.obtain("ours"))
    (bed.incoming / "x").unlink()
    other = bed.obtain("theirs")
    assert other.weights == record.weights
    assert len(list((bed.store.folder / "weights").iterdir())) == 1
    assert bed.store.remove("ours") < len(b"converted") + 2000
    assert weights_file(bed.entry("theirs"), bed.settings).is_file()
    assert bed.store.remove("theirs") >= len(b"converted")
    assert bed.files() == set()


def test_converting_one_name_of_the_same_bytes_converts_both(tmp_path: Path) -> None:
    fields = table("https://x.example/a.pth", DATA)
    bed = Bed(tmp_path, ours=fields, theirs=fields)
    (bed.incoming / "x").write_bytes(DATA)
    record, _ = bed.obtain("ours"), bed.obtain("theirs")
    bed.convert(record)
    assert weights_file(bed.entry("theirs"), bed.settings).is_file()


def test_removing_what_is_not_there_says_so(bed: Bed) -> None:
    with pytest.raises(ModelError, match="nothing to remove") as caught:
        bed.store.remove("ours")
    assert caught.value.code == "model-not-installed"


def test_removing_takes_a_half_done_download_and_old_parts_too(bed: Bed) -> None:
    downloads = downloads_of(bed.entry(), bed.store)
    downloads.mkdir(parents=True)
    (downloads / "ours.pth.part").write_bytes(DATA)
    (bed.store.folder / "weights").mkdir()
    (bed.store.folder / "weights" / "ab12.part").write_bytes(DATA)
    assert bed.store.remove("ours", downloads) >= 2 * len(DATA)
    assert bed.files() == set()


def test_a_part_that_somebody_is_writing_is_left_alone(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    bed.obtain()
    part = bed.store.part_path("ab12")
    part.write_bytes(b"half")
    with hold_lock(bed.store.folder / "locks" / "ab12.lock"):
        bed.store.remove("ours")
        assert part.exists()


def test_verify_tells_good_from_damaged_and_missing(tmp_path: Path) -> None:
    contents = {name: os.urandom(1000) for name in ("good", "bad", "gone", "waits")}
    bed = Bed(tmp_path, **{name: table(f"https://x.example/{name}", data) for name, data in contents.items()})
    for name, data in contents.items():
        (bed.incoming / name).write_bytes(data)
        record = bed.obtain(name)
        if name != "waits":
            bed.convert(record, data[:500])
    store = bed.store
    path = store.weights_path(store.record("bad"))  # type: ignore[arg-type]
    path.write_bytes(b"X" + path.read_bytes()[1:])
    store.weights_path(store.record("gone")).unlink()  # type: ignore[arg-type]
    verdicts = {item.id: item for item in verify(store)}
    assert {name: item.status for name, item in verdicts.items()} == {
        "good": "ok",
        "bad": "damaged",
        "gone": "missing",
        "waits": "ok",
    }
    assert "models install bad" in verdicts["bad"].message
    assert "when it is first used" in verdicts["waits"].message
    with pytest.raises(ModelError, match="nothing to verify"):
        verify(store, ["nobody"])


def test_the_doctor_names_what_is_installed_and_what_is_broken(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    record = bed.obtain()
    assert {finding.status for finding in check_model(bed.settings)} == {"ok"}
    bed.convert(record)
    findings = {finding.check: finding for finding in check_model(bed.settings)}
    assert "ours (0 MB)" in findings["models"].message
    bed.store.weights_path(record).unlink()
    broken = [finding for finding in check_model(bed.settings) if finding.status == "broken"]
    assert "have gone" in broken[0].message
    assert "models install ours" in broken[0].mend
    Path(bed.settings.catalog).write_text("[x]\n")
    assert [finding.check for finding in check_model(bed.settings) if finding.status == "broken"] == ["catalog"]


def test_a_record_that_can_not_be_read_is_named_and_nothing_is_swept(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    record = bed.convert(bed.obtain())
    (bed.store.folder / "records" / "other.json").write_text("{")
    with pytest.raises(ModelError) as caught:
        bed.store.record("other")
    assert caught.value.code == "bad-record"
    assert "other.json" in caught.value.message
    assert [item.status for item in verify(bed.store)] == ["damaged", "ok"][:: 1 if "other" < "ours" else -1]
    bed.store.remove("ours")
    assert bed.store.weights_path(record).is_file()


def test_a_record_of_a_newer_version_is_refused_politely(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"format": 99}')
    with pytest.raises(ModelError, match=r"newer samj-bridge"):
        read_record(path)


def test_own_models_are_listed_beside_the_others(bed: Bed) -> None:
    record = Record(
        "mine", "ab", 3, (), "m.pth", "/m.pth", False, Acceptance("", "own-file", now()), now(), None, table()
    )
    with bed.store.changing():
        bed.store.write(record)
    entry = catalog(bed.settings)["mine"]
    assert entry.origin == "user"
    assert bed.store.record("mine") == record


@pytest.mark.skipif(sys.platform == "win32", reason="modes are not Windows'")
def test_a_read_only_store_says_so_and_still_serves(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    bed.convert(bed.obtain())
    # Root may write anywhere: a file where a folder should be stands for the mode that stops other users.
    settings = replace(bed.settings, home=bed.settings.home / "models" / "records" / "ours.json")
    with pytest.raises(FileError) as caught:
        obtain(bed.entry(), Store(settings), YES)
    assert "model store" in caught.value.message
    if os.getuid() != 0:
        bed.store.folder.chmod(0o555)
        try:
            with pytest.raises(FileError) as caught:
                bed.store.remove("ours")
            assert caught.value.code == "read-only-store"
        finally:
            bed.store.folder.chmod(0o755)
    assert weights_file(bed.entry(), bed.settings).is_file()


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, NoSpaceError, "is full"),
        (errno.EDQUOT, NoSpaceError, "is full"),
        (errno.EROFS, FileError, "can't be written"),
        (errno.EACCES, FileError, "can't be written"),
        (errno.EIO, FileError, "could not be changed"),
    ],
)
def test_what_the_disk_refuses_is_told_in_words(number: int, kind: type[FileError], words: str) -> None:
    error = disk_error(OSError(number, os.strerror(number)), Path("store"))
    assert type(error) is kind
    assert words in error.message
    assert error.hint


@pytest.mark.skipif(os.name != "posix", reason="flock is POSIX's")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS], ids=errno.errorcode.get)
def test_on_a_drive_without_locks_nothing_is_begun_and_what_is_there_still_serves(
    number: int, bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    (bed.incoming / "x").write_bytes(DATA)
    bed.convert(bed.obtain())
    before = bed.files()

    def refuse(_handle: int, _operation: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    for change in (lambda: bed.store.remove("ours"), lambda: obtain(bed.entry(), bed.store, YES)):
        with pytest.raises(FileError, match="no file locks") as caught:
            change()
        assert caught.value.code == "no-locks"
        assert "installed models can still be used" in caught.value.hint
        assert "SAMJ_HOME" in caught.value.hint
    assert bed.files() == before
    assert weights_file(bed.entry(), bed.settings).is_file()
    assert [item.status for item in verify(bed.store)] == ["ok"]
    assert bed.store.records()[0].id == "ours"


def test_a_lock_that_may_not_be_written_is_a_store_that_can_not(bed: Bed) -> None:
    # Root may write any file: a folder of the lock's name stands for one that others made.
    (bed.store.folder / "locks" / "store.lock").mkdir(parents=True)
    with pytest.raises(FileError, match="model store") as caught, bed.store.changing():
        pass
    assert caught.value.hint


def test_a_cancelled_installation_leaves_nothing_half_made(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    cancel = CancelToken()
    cancel.cancel()
    cancel.cancel()
    with pytest.raises(Cancelled):
        bed.obtain(cancel=cancel)
    assert bed.files() == {"incoming/x"}
    assert bed.obtain().verified


def test_many_processes_that_install_the_same_at_once_agree(bed: Bed) -> None:
    (bed.incoming / "x").write_bytes(DATA)
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from samj_bridge.models import find_model\n"
        "from samj_bridge.models.obtain import obtain\n"
        "from samj_bridge.models.record import Acceptance\n"
        "from samj_bridge.models.store import Store\n"
        "from samj_bridge.settings import Settings\n"
        "settings = Settings(home=Path(sys.argv[1]), catalog=sys.argv[2], offline=True)\n"
        "obtain(find_model('ours', settings), Store(settings), Acceptance('MIT', 'x', 'y'))\n"
    )
    command = [sys.executable, "-c", program, str(bed.settings.home), bed.settings.catalog]
    running = [subprocess.Popen(command) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    assert bed.files() == {"records/ours.json", f"sources/{Digests.of(DATA).sha256}", "incoming/x"}
    assert [item.status for item in verify(bed.store)] == ["ok"]

"""The store, without any network or worker: what is there, by hand, shared, verified, removed."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.model_files import table, write_catalog

from samj_bridge.doctor.models import check_model
from samj_bridge.download import Digests
from samj_bridge.errors import Cancelled, DownloadError, FileError, ModelError, NoSpaceError, SizeMismatch
from samj_bridge.models import ModelEntry, catalog, find_model, weights_file
from samj_bridge.models.obtain import downloads_of, obtain
from samj_bridge.models.record import Acceptance, Record, Weights, read_record
from samj_bridge.models.store import Store, disk_error, fits, now
from samj_bridge.models.verifying import verify
from samj_bridge.process.locks import hold_lock
from samj_bridge.progress import CancelToken
from samj_bridge.settings import Settings

DATA = os.urandom(300_000)
YES = Acceptance("MIT", "not-needed", "2026-01-01")


class Bed:
    """A store with a catalog of its own, offline."""

    def __init__(self, tmp_path: Path, **models: dict[str, Any]) -> None:
        path = write_catalog(tmp_path / "lab é.toml", **models)
        self.settings = Settings(home=tmp_path / "home é漢", catalog=str(path), offline=True)
        self.store = Store(self.settings)
        self.incoming = self.settings.incoming_dir
        self.incoming.mkdir(parents=True)

    def entry(self, name: str = "ours") -> ModelEntry:
        return find_model(name, self.settings)

    def obtain(self, name: str = "ours", **options: Any) -> Record:
        return obtain(self.entry(name), self.store, YES, **options)

    def convert(self, record: Record, content: bytes = b"converted") -> Record:
        """Do as a worker would."""
        part = self.store.part_path(record.source)
        part.write_bytes(content)
        with self.store.changing():
            weights = Weights(Digests.of(content).sha256, len(content), "starter-1", 3)
            return self.store.add_weights(record, part, weights)

    def files(self) -> set[str]:
        """Everything in the store but locks."""
        return {
            path.relative_to(self.store.folder).as_posix()
            for path in self.store.folder.rglob("*")
            if path.is_file() and ".lock" not in path.name
        }


@pytest.fixture
def bed(tmp_path: Path) -> Bed:
    return Bed(tmp_path, ours=table("https://x.example/w/ours.pth", DATA))


def test_a_file_put_there_by_hand_is_known_by_its_hash_whatever_its_name(bed: Bed) -> None:
    (bed.incoming / "a").mkdir()
    (bed.incoming / "a" / "Ünknown name.bin").write_bytes(DATA)
    (bed.incoming / "ours.pth.other").write_bytes(os.urandom(len(DATA)))
    record = bed.obtain()
    assert record.verified
    assert record.source == Digests.of(DATA).sha256
    assert record.obtained.endswith("Ünknown name.bin")
    assert (bed.incoming / "a" / "Ünknown name.bin").read_bytes() == DATA
    assert bed.store.source_path(record).read_bytes() == DATA
    assert record.hashes == (f"sha256:{Digests.of(DATA).sha256}",)
    assert record == bed.store.record("ours")


def test_a_record_fits_only_what_one_of_its_hashes_says(bed: Bed) -> None:
    (bed.incoming / "ours.pth").write_bytes(DATA)
    record, entry, digests = bed.obtain(), bed.entry(), Digests.of(DATA)
    assert fits(entry, record)
    # Nobody compared another kind when the file came: it may be another file.
    assert not fits(replace(entry, hashes=(f"md5:{digests.md5}",)), record)
    assert fits(replace(entry, hashes=(f"md5:{digests.md5}", f"sha256:{digests.sha256}")), record)
    assert not fits(replace(entry, hashes=("sha256:" + "0" * 64,)), record)
    assert fits(replace(entry, hashes=()), record)


def test_a_folder_or_a_file_can_be_named(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "w.bin").write_bytes(DATA)
    with pytest.raises(ModelError, match="is not in"):
        bed.obtain(folder=tmp_path / "empty")
    assert bed.obtain(folder=tmp_path / "stick").obtained.endswith("w.bin")
    bed.store.remove("ours")
    assert bed.obtain(folder=tmp_path / "stick" / "w.bin").verified


def test_the_settings_name_the_folder(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "drive").mkdir()
    (tmp_path / "drive" / "w.bin").write_bytes(DATA)
    settings = replace(bed.settings, models_dir=str(tmp_path / "drive"))
    assert obtain(bed.entry(), Store(settings), YES).verified


def test_a_missing_file_is_asked_for_with_name_address_size_hash_and_folder(bed: Bed) -> None:
    with pytest.raises(ModelError) as caught:
        bed.obtain()
    error = caught.value
    assert error.code == "model-file-missing"
    assert "SAMJ_OFFLINE" in error.message
    for part in (
        "ours.pth",
        "https://x.example/w/ours.pth",
        "300,000 bytes",
        Digests.of(DATA).sha256,
        "models install ours",
    ):
        assert part in error.hint
    assert str(bed.incoming) in error.hint
    assert error.details["folder"] == str(bed.incoming)
    assert bed.incoming.is_dir()


def test_a_wrong_file_of_the_right_name_is_told_of_and_left_alone(bed: Bed) -> None:
    wrong = bed.incoming / "ours.pth"
    wrong.write_bytes(DATA[:-1])
    with pytest.raises(ModelError, match="has 299,999 bytes, not 300,000"):
        bed.obtain()
    wrong.write_bytes(DATA[:-1] + b"?")
    with pytest.raises(ModelError, match="is another file: its hash is sha256"):
        bed.obtain()
    assert wrong.is_file()
    assert bed.store.record("ours") is None


def test_a_model_that_no_program_can_fetch_says_how_a_person_can(tmp_path: Path) -> None:
    bed = Bed(tmp_path, theirs=table("", DATA, file_name="theirs.tar.gz", obtain="Ask at the counter."))
    with pytest.raises(ModelError, match=r"Ask at the counter\.") as caught:
        bed.obtain("theirs")
    assert "theirs.tar.gz" in caught.value.hint


def test_without_a_known_hash_the_name_decides_only_if_that_is_allowed(tmp_path: Path) -> None:
    bed = Bed(tmp_path, ours=table("https://x.example/ours.pth"))
    (bed.incoming / "ours.pth").write_bytes(DATA)
    with pytest.raises(ModelError, match="is not in"):
        bed.obtain()
    record = bed.obtain(allow_unverified=True)
    assert not record.verified
    # From now on its own hash holds: another file of that name is refused.
    bed.store.source_path(record).unlink()
    (bed.incoming / "ours.pth").write_bytes(DATA + b"!")
    with pytest.raises(ModelError, match="is another file"):
        bed.obtain(allow_unverified=True)


def _zip(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "pack"), [("zip", _zip), ("tar.gz", _tar)])
@pytest.mark.parametrize("inside", ["w.pt", "weights/deep/w.pt"])
def test_the_checkpoint_is_taken_out_of_its_archive(tmp_path: Path, kind: str, pack: Any, inside: str) -> None:
    archive = pack({"README": b"hello", inside: DATA})
    bed = Bed(
        tmp_path, ours=table("", archive, file_name="a.x", archive=kind, member="w.pt", member_size=len(DATA))
    )
    (bed.incoming / "whatever").write_bytes(archive)
    record = bed.obtain()
    assert record.source == Digests.of(DATA).sha256
    assert f"sha256:{Digests.of(archive).sha256}" in record.hashes
    assert bed.store.source_path(record).read_bytes() == DATA
    assert not downloads_of(bed.entry(), bed.store).exists()


@pytest.mark.parametrize(("kind", "pack"), [("zip", _zip), ("tar.gz", _tar)])
def test_an_archive_without_the_member_names_what_it_holds(tmp_path: Path, kind: str, pack: Any) -> None:
    archive = pack({"README": b"hello", "other.pt": DATA})
    bed = Bed(tmp_path, ours=table("", archive, file_name="a.x", archive=kind, member="w.pt"))
    (bed.incoming / "whatever").write_bytes(archive)
    with pytest.raises(DownloadError, match=r"other\.pt") as caught:
        bed.obtain()
    assert "archive of 'ours'" in caught.value.message
    assert bed.store.record("ours") is None
    assert (bed.incoming / "whatever").read_bytes() == archive


def test_a_member_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    archive = _zip({"w.pt": DATA})
    bed = Bed(tmp_path, ours=table("", archive, file_name="a.zip", archive="zip", member="w.pt", member_size=7))
    (bed.incoming / "whatever").write_bytes(archive)
    with pytest.raises(SizeMismatch, match="not 7"):
        bed.obtain()
    assert bed.store.record("ours") is None


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
        (errno.EIO, FileError, "failed"),
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

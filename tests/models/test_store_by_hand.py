"""Files that a person put there: known by their hash, asked for in words, taken out of their archives."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.model_files import table
from stored import DATA, YES, Bed

from samj_bridge.download import Digests
from samj_bridge.errors import DownloadError, ModelError, SizeMismatch
from samj_bridge.models.obtain import downloads_of, obtain
from samj_bridge.models.store import Store, fits


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

"""One named file out of an archive; hostile, damaged and wrong ones leave nothing behind."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from fakes.file_server import Content

from samj_bridge.download import Digests, digest_file, extract_tar_member, extract_zip_member, place
from samj_bridge.download.source import Source
from samj_bridge.errors import Cancelled, DownloadError, FileError, HashMismatch, InputError, SizeMismatch
from samj_bridge.progress import CancelToken, ProgressEvent

DATA = Content(1_500_000, seed=7).bytes()
MEMBER = "efficient_sam_vits.pt"


def make_zip(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return path


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w:bz2") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def unpack(archive: Path, member: str, target: Path, **options: object) -> Digests:
    take = extract_zip_member if archive.suffix == ".zip" else extract_tar_member
    return take(archive, member, target, **options)  # type: ignore[arg-type]


@pytest.fixture(params=["zip", "tar.bz2"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"archive.{request.param}"
    members = {"README": b"read me", MEMBER: DATA, "bin/micromamba": b"#!program"}
    return make_zip(path, members) if request.param == "zip" else make_tar(path, members)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_of_a_zip_comes_out_as_it_went_in(method: int, tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {MEMBER: DATA}, method)
    events: list[ProgressEvent] = []
    target = tmp_path / "new folder" / "out.pt"
    digests = extract_zip_member(path, MEMBER, target, size=len(DATA), progress=events.append)
    assert (digests.size, digests.sha256) == (len(DATA), Digests.of(DATA).sha256)
    assert target.read_bytes() == DATA
    assert [path.name for path in target.parent.iterdir()] == ["out.pt"]
    assert {(event.stage, event.total) for event in events} == {("extract", len(DATA))}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_program_of_a_tar_comes_out_and_can_be_started(mode: str, tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar.bz2", {"info/index.json": b"{}", "bin/micromamba": DATA, "rest": DATA}, mode)
    extract_tar_member(path, "bin/micromamba", tmp_path / "micromamba", executable=True)
    assert (tmp_path / "micromamba").read_bytes() == DATA
    if os.name == "posix":
        assert stat.S_IMODE((tmp_path / "micromamba").stat().st_mode) == 0o755


def test_a_missing_member_is_refused_and_those_that_are_there_are_named(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=rf"no file 'efficient_sam_vits\.pth' .*{MEMBER}") as caught:
        unpack(archive, "efficient_sam_vits.pth", tmp_path / "out")
    assert caught.value.code == "archive-member"
    assert caught.value.details["members"] == ["README", MEMBER, "bin/micromamba"]
    assert not (tmp_path / "out").exists()


def test_a_member_of_another_size_is_refused_before_it_is_unpacked(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SizeMismatch, match="has 1500000 bytes, not 17"):
        unpack(archive, MEMBER, tmp_path / "out", size=17)
    assert not (tmp_path / "out").exists()


def test_an_archive_that_would_fill_the_disk_is_refused(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"1\.5 MB or more, 1\.0 MB at most") as caught:
        unpack(archive, MEMBER, tmp_path / "out", largest=1_000_000)
    assert caught.value.code == "archive-bomb"


def test_a_tar_that_hides_gigabytes_before_the_member_is_given_up(tmp_path: Path) -> None:
    path = make_tar(tmp_path / "a.tar.bz2", {"zeros": bytes(30_000_000), MEMBER: DATA})
    with pytest.raises(DownloadError, match=r"30\.0 MB or more"):
        extract_tar_member(path, MEMBER, tmp_path / "out", largest=20_000_000)


def test_a_zip_that_lies_about_the_size_of_a_member_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "bomb.zip", {MEMBER: bytes(50_000_000)})
    data = bytearray(path.read_bytes())
    # The size stands in the local header and in the central directory.
    true, told = (50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")
    path.write_bytes(data.replace(true, told))
    with pytest.raises((SizeMismatch, DownloadError)):
        extract_zip_member(path, MEMBER, tmp_path / "out", size=1000)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bomb.zip"]


@pytest.mark.parametrize("name", ["../escaped", "/escaped", "a/../../escaped", "C:\\escaped"])
def test_a_name_that_points_elsewhere_decides_nothing(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    for path in (make_zip(inside / "a.zip", {name: DATA}), make_tar(inside / "a.tar.bz2", {name: DATA})):
        unpack(path, name, inside / "out")
        assert (inside / "out").read_bytes() == DATA
        (inside / "out").unlink()
    assert [item.name for item in tmp_path.iterdir()] == ["inside"]
    assert {item.name for item in inside.iterdir()} == {"a.zip", "a.tar.bz2"}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_only_regular_files_are_taken_out_of_a_tar(kind: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        info = tarfile.TarInfo("bin/micromamba")
        info.type = kind
        info.linkname = "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DownloadError) as caught:
        extract_tar_member(path, "bin/micromamba", tmp_path / "out")
    assert caught.value.code == "archive-member"
    assert not os.path.lexists(tmp_path / "out")


def test_a_link_and_a_folder_in_a_zip_are_no_files(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("folder/", "")
    for name in ("link", "folder/", "folder"):
        with pytest.raises(DownloadError) as caught:
            extract_zip_member(path, name, tmp_path / "out")
        assert caught.value.code == "archive-member"
    assert not os.path.lexists(tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_has_the_member_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MEMBER, b"one")
        archive.writestr(MEMBER, b"two")
    with pytest.raises(DownloadError, match="no file"):
        extract_zip_member(path, MEMBER, tmp_path / "out")


def test_a_zip_that_wants_a_password_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {MEMBER: b"secret"}, zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(DownloadError, match="no file"):
        extract_zip_member(path, MEMBER, tmp_path / "out")


@pytest.mark.parametrize("damage", ["cut", "bits", "text", "empty", "page"])
def test_a_damaged_archive_gets_a_clear_error_and_leaves_nothing(
    damage: str, archive: Path, tmp_path: Path
) -> None:
    data = bytearray(archive.read_bytes())
    middle = len(data) // 2
    if damage == "bits":
        data[middle : middle + 100] = bytes(100)
    archive.write_bytes(
        {
            "cut": data[:middle],
            "bits": data,
            "text": b"Not an archive." * 100,
            "empty": b"",
            "page": b"<!DOCTYPE html><html></html>",
        }[damage]
    )
    with pytest.raises(DownloadError) as caught:
        unpack(archive, MEMBER, tmp_path / "out")
    assert caught.value.code in {"archive-damaged", "wrong-size"}
    assert archive.name in caught.value.message
    assert [item.name for item in tmp_path.iterdir()] == [archive.name]


def test_an_archive_that_is_not_there_and_a_target_that_can_not_be(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"missing.* can't be read: No such file"):
        unpack(tmp_path / f"missing{archive.suffix}", MEMBER, tmp_path / "out")
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="can't be written"):
        unpack(archive, MEMBER, tmp_path / "file" / "out")


def test_unpacking_can_be_cancelled_and_leaves_the_old_file(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"old")
    token = CancelToken()
    with pytest.raises(Cancelled):
        unpack(archive, MEMBER, tmp_path / "out", cancel=token, progress=lambda _event: token.cancel())
    assert {item.name for item in tmp_path.iterdir()} == {archive.name, "out"}
    assert (tmp_path / "out").read_bytes() == b"old"


# Hashes, and files put there by hand


def test_the_hashes_are_those_that_other_programs_compute(tmp_path: Path) -> None:
    empty, abc = Digests.of(b""), Digests.of(b"abc")
    assert empty.as_hashes() == (
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        "xxh128:99aa06d3014798d86001c324468d497f",
        "git-blob:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    )
    assert abc.git_blob == "f2ba8f84ab5c1bce84a7b441cb1959cfc7093b7f"
    assert abc.xxh128 == "06b05ab6733a618578af5f94892f3950"
    (tmp_path / "a").write_bytes(DATA)
    counts: list[int] = []
    assert digest_file(tmp_path / "a", on_block=counts.append) == Digests.of(DATA)
    assert counts[-1] == len(DATA)


def test_a_kind_that_was_not_computed_never_passes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(DATA)
    found = digest_file(tmp_path / "a", kinds=("md5",))
    everything = Digests.of(DATA)
    assert found.as_hashes() == everything.as_hashes()[:2]
    assert found.first_mismatch(found.as_hashes()) is None
    for text in everything.as_hashes()[2:]:
        assert found.first_mismatch((text,)) == text


@pytest.mark.parametrize("text", ["", "sha256", "sha256:", "sha256:12", "crc32:00000000", "md5:" + "g" * 32, "abc"])
def test_a_hash_that_can_not_be_checked_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no hash that can be checked"):
        Source(("https://example.org/a",), "a", hashes=(text,))


def test_a_file_put_there_by_hand_is_taken_when_it_is_the_right_one(tmp_path: Path) -> None:
    hand = tmp_path / "download (1).bin"
    hand.write_bytes(DATA)
    right = Source((), "a.bin", len(DATA), Digests.of(DATA).as_hashes())
    target = tmp_path / "store" / "a.bin"
    assert place(hand, target, source=right) == Digests.of(DATA)
    assert target.read_bytes() == DATA
    with pytest.raises(HashMismatch, match="left as it is"):
        place(hand, tmp_path / "b", source=Source((), "b", hashes=("md5:" + "0" * 32,)))
    with pytest.raises(SizeMismatch, match="not 5"):
        place(hand, tmp_path / "b", source=Source((), "b", 5, ("md5:" + "0" * 32,)))
    with pytest.raises(DownloadError, match="No hash"):
        place(hand, tmp_path / "b", source=Source((), "b"))
    assert place(hand, tmp_path / "b", source=Source((), "b"), allow_unverified=True) == Digests.of(DATA)
    assert {item.name for item in tmp_path.iterdir()} == {hand.name, "store", "b"}

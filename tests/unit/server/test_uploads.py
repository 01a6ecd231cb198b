"""Frames that clients send: kept under plain names only, bounded, and removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from samj_bridge.errors import InputError
from samj_bridge.server import uploads
from samj_bridge.server.uploads import Uploads


class File:
    def __init__(self, data: bytes = b"jpeg") -> None:
        self.data = data

    async def read(self, size: int = -1, /) -> bytes:
        return self.data


def keep(kept: Uploads, folder: str, name: str, data: bytes = b"jpeg") -> str:
    return asyncio.run(kept.keep(folder, name, File(data)))


@pytest.fixture
def kept() -> Uploads:
    return Uploads()


def test_frames_are_kept_and_removed(kept: Uploads) -> None:
    assert keep(kept, "1215c2f8-863b-411f-8dfb-b71a87d7d0f1", "007.jpg") == "007.jpg"
    folder = kept.folder("1215c2f8-863b-411f-8dfb-b71a87d7d0f1")
    assert folder is not None
    assert (folder / "007.jpg").read_bytes() == b"jpeg"
    kept.drop("1215c2f8-863b-411f-8dfb-b71a87d7d0f1")
    assert not folder.exists()
    kept.drop("..")
    keep(kept, "a", "1.JPEG")
    root = kept.folder("a").parent
    kept.close()
    assert not root.exists()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("..", "1.jpg"), ("a/b", "1.jpg"), ("a\\b", "1.jpg"), ("", "1.jpg"), (".", "1.jpg"), ("-a", "1.jpg"),
     ("a\0b", "1.jpg"), ("a" * 65, "1.jpg"), ("C:", "1.jpg"), ("é", "1.jpg"), ("a", "../1.jpg"), ("a", "1.png"),
     ("a", ""), ("a", "1.jpg/"), ("a", "/1.jpg"), ("a", "x.jpg"), ("a", "1.jpg\n"), ("a\n", "1.jpg"),
     ("/tmp", "1.jpg")],
)  # fmt: skip
def test_other_names_are_refused_and_nothing_is_written(kept: Uploads, folder: str, name: str) -> None:
    with pytest.raises(InputError, match="no names"):
        keep(kept, folder, name)
    assert list(Path(kept._root).iterdir()) == []
    kept.close()


def test_folders_files_and_bytes_are_bounded(kept: Uploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_MOST_FILES", 3)
    monkeypatch.setattr(uploads, "_MOST_BYTES", 100)
    for name in ("a", "b", "c", "d", "e"):
        keep(kept, name, "0.jpg", b"x" * 10)
    assert kept.folder("a") is None
    assert kept.folder("e") is not None
    for number in (1, 2):
        keep(kept, "e", f"{number}.jpg", b"x" * 10)
    with pytest.raises(InputError, match="3 frames"):
        keep(kept, "e", "3.jpg", b"x")
    with pytest.raises(InputError, match="MB"):
        keep(kept, "d", "1.jpg", b"x" * 50)
    kept.close()


def test_a_full_disk_leaves_no_half_frame(kept: Uploads) -> None:
    keep(kept, "a", "1.jpg")
    folder = kept.folder("a")
    assert folder is not None
    (folder / "2.jpg").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        keep(kept, "a", "2.jpg")
    assert [path.name for path in folder.iterdir()] == ["1.jpg"]
    keep(kept, "a", "2.jpg")
    kept.close()

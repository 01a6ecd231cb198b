"""Encodings on disk, as the command ``samj-bridge cache`` shows and removes them."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from samj_bridge.cli.commands import cache as command
from samj_bridge.session.kept import encodings_folder, kept_encodings, remove_kept
from samj_bridge.settings import Settings


def keep(settings: Settings, name: str, size: int, used: int, **notes: object) -> Path:
    folder = encodings_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    header = json.dumps({"__metadata__": {"notes": json.dumps(notes), "tree": "{}"}}).encode()
    path = folder / f"{name}.encoding"
    path.write_bytes((struct.pack("<Q", len(header)) + header).ljust(size, b"x"))
    os.utime(path, (used, used))
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path / "é home")
    keep(settings, "aa", 10_000, 50, model="starter@cpu:1f", shape=[400, 500])
    for number in range(5):
        keep(settings, f"b{number}.slide", 8_000, 60 + number, model="sam-vit-b@cpu:2e", shape=[1024, 1024])
    (encodings_folder(settings) / "unfinished.7.part").write_bytes(b"x")
    return settings


def test_what_is_kept_is_listed_used_last_first(settings: Settings) -> None:
    found = kept_encodings(settings)
    assert [kept.path.name for kept in found][::5] == ["b4.slide.encoding", "aa.encoding"]
    assert (found[0].image, found[0].model, found[0].shape) == ("slide", "sam-vit-b", (1024, 1024))
    assert (found[-1].image, found[-1].model, found[-1].size_bytes) == ("", "starter", 10_000)


def test_the_image_that_takes_most_gives_first_what_it_used_least_recently(settings: Settings) -> None:
    kept = kept_encodings(settings)
    would = remove_kept(kept, 30_000, dry_run=True)
    assert [item.path.name for item in would] == ["b0.slide.encoding", "b1.slide.encoding", "b2.slide.encoding"]
    assert kept_encodings(settings) == kept
    assert remove_kept(kept, 30_000) == would
    assert len(kept_encodings(settings)) == 3


def test_damaged_files_are_shown_and_go_too(settings: Settings) -> None:
    (encodings_folder(settings) / "cut.encoding").write_bytes(b"\x05")
    (encodings_folder(settings) / "odd.encoding").write_bytes(struct.pack("<Q", 2) + b"[]")
    assert [kept.model for kept in kept_encodings(settings) if kept.path.stem in ("cut", "odd")] == ["", ""]
    assert len(remove_kept(kept_encodings(settings), 0)) == 8
    assert kept_encodings(settings) == []
    assert kept_encodings(Settings(home=settings.home / "none")) == []


def test_the_command_says_what_there_is_and_what_went(settings: Settings) -> None:
    shown = command.run(settings, prune=False, keep_mb=0, dry_run=False)
    assert shown.data["bytes"] == 50_000
    assert len(shown.data["kept"]) == 6
    assert shown.tables[0].row_count == 2
    assert command.run(settings, prune=True, keep_mb=1, dry_run=False).data["removed"] == []
    would = command.run(settings, prune=True, keep_mb=0, dry_run=True)
    assert (len(would.data["would_remove"]), would.data["removed"]) == (6, [])
    gone = command.run(settings, prune=True, keep_mb=0, dry_run=False)
    assert (len(gone.data["removed"]), gone.data["bytes"], gone.tables) == (6, 0, [])

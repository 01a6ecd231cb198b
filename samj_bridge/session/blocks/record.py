"""What a search over many blocks has found so far, on disk: a killed run goes on where it was.

A record is an SQLite file (standard library, a block is in it whole or not at all, also after a power cut). It says
what it is the record of; one of another image or other options is begun anew. Without a path it is a temporary
file of SQLite's own, which is gone when the search is: then memory does not grow with what is found.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from samj_bridge.errors import FileError, NoSpaceError
from samj_bridge.geometry.region import Region

__all__ = ["Record", "remove_record"]

_FORM = 2
_TABLES = (
    "CREATE TABLE about (text TEXT)",
    "CREATE TABLE done (step TEXT PRIMARY KEY, found BLOB, outputs TEXT)",
    "CREATE TABLE given (number INTEGER PRIMARY KEY, x0 REAL, y0 REAL, x1 REAL, y1 REAL, region BLOB)",
)


def remove_record(path: Path) -> None:
    """Remove a record that is not wanted any more, if it is there: its results are elsewhere."""
    # With what SQLite keeps beside it: a new record must not be mended by the journal of an old one.
    for file in (path, path.with_name(f"{path.name}-journal")):
        with suppress(OSError):
            file.unlink()


class Record:
    """The steps of a search that are done, and the objects that were given so far.

    Parameters
    ----------
    path : Path or None
        The file; None: a temporary one.
    about : mapping
        What decides the result: image, model, options. Plain data.

    Raises
    ------
    FileError
        The file can't be written, or another process is using it.
    """

    def __init__(self, path: Path | None, about: Mapping[str, Any]) -> None:
        self.path = path
        """The file."""
        self._text = json.dumps({"form": _FORM, **about}, sort_keys=True)
        self._base = self._open()
        self.resumed = self._count("done")
        """Steps that were there already."""

    def found(self, step: str) -> tuple[list[Region], dict[str, Any]] | None:
        """Return what a step has found and what was said of it; None where it is not done."""
        row = self._run("SELECT found, outputs FROM done WHERE step = ?", (step,)).fetchone()
        return None if row is None else (_regions(row[0]), json.loads(row[1]))

    def add(self, step: str, found: Sequence[Region], outputs: Mapping[str, Any]) -> None:
        """Note a step that is done; from now on it stays so."""
        row = (step, _packed(found), json.dumps(dict(outputs)))
        self._run("INSERT OR REPLACE INTO done VALUES (?, ?, ?)", row)
        self._commit()

    def give(self, region: Region) -> None:
        """Note an object of the result. These are noted anew by each run."""
        row = (*map(float, region.bbox_xyxy), _packed([region]))
        self._run("INSERT INTO given (x0, y0, x1, y1, region) VALUES (?, ?, ?, ?, ?)", row)

    def given(self, box: Sequence[float]) -> Iterator[Region]:
        """Yield the objects of the result so far whose bounding boxes overlap one."""
        words = "SELECT region FROM given WHERE x0 < ? AND x1 > ? AND y0 < ? AND y1 > ? ORDER BY number"
        for (packed,) in self._run(words, (box[2], box[0], box[3], box[1])).fetchall():
            yield from _regions(packed)

    def close(self) -> None:
        """Let the file go; it stays on disk."""
        with suppress(sqlite3.Error):
            self._base.close()

    def _open(self) -> sqlite3.Connection:
        for again in (True, False):
            base = self._connect()
            try:
                if self._is_mine(base):
                    return base
            except sqlite3.OperationalError as error:
                base.close()
                raise self._in_words(error) from error
            except sqlite3.DatabaseError:
                # No record, or one that was damaged: nothing in it can be used.
                if not again:
                    base.close()
                    raise
            base.close()
            if self.path is not None:
                remove_record(self.path)
        message = f"The record {str(self.path)!r} can't be begun."
        raise FileError(message, hint="Remove the file, or choose another folder.", path=str(self.path))

    def _connect(self) -> sqlite3.Connection:
        try:
            name = "" if self.path is None else str(self.path)
            # Searches are generators, which may be read on another thread than the one that began them.
            base = sqlite3.connect(name, timeout=0.5, check_same_thread=False)
            base.execute("PRAGMA locking_mode = EXCLUSIVE")
        except sqlite3.Error as error:
            raise self._in_words(error) from error
        return base

    def _is_mine(self, base: sqlite3.Connection) -> bool:
        """Return whether a file is, or was made, the record of this search."""
        base.execute("BEGIN EXCLUSIVE")
        tables = base.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not tables:
            for words in _TABLES:
                base.execute(words)
            base.execute("INSERT INTO about VALUES (?)", (self._text,))
        elif base.execute("SELECT text FROM about").fetchall() != [(self._text,)]:
            base.rollback()
            return False
        base.execute("DELETE FROM given")
        base.commit()
        return True

    def _count(self, table: str) -> int:
        return int(self._run(f"SELECT count(*) FROM {table}", ()).fetchone()[0])  # noqa: S608 (a name of ours)

    def _run(self, words: str, values: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._base.execute(words, values)
        except sqlite3.Error as error:
            raise self._in_words(error) from error

    def _commit(self) -> None:
        try:
            self._base.commit()
        except sqlite3.Error as error:
            raise self._in_words(error) from error

    def _in_words(self, error: sqlite3.Error) -> FileError:
        where = "of this search" if self.path is None else repr(str(self.path))
        reason = str(error)
        if "full" in reason:
            message = f"The disk is full: the record {where} can't be written."
            hint = "Make space and start again: what was recorded is not searched again."
            return NoSpaceError(message, hint=hint, path=str(self.path or ""))
        if "locked" in reason:
            message = f"Another run is writing the record {where}."
            hint = "Let it end, or choose another folder for this one."
            return FileError(message, hint=hint, code="record-in-use", path=str(self.path or ""))
        message = f"The record {where} can't be used: {reason}."
        return FileError(message, hint="Choose a folder that you may write to.", path=str(self.path or ""))


def _packed(regions: Sequence[Region]) -> bytes:
    values = [
        {
            "rings": [ring.ravel().tolist() for ring in region.rings],
            "shape": region.shape,
            "score": region.score,
            "prompt": region.prompt,
            "model": region.model,
        }
        for region in regions
    ]
    return zlib.compress(json.dumps(values).encode(), 1)


def _regions(packed: bytes) -> list[Region]:
    return [
        Region(
            tuple(np.array(ring, np.int32).reshape(-1, 2) for ring in value["rings"]),
            shape=tuple(value["shape"]),
            score=value["score"],
            prompt=value["prompt"],
            model=value["model"],
        )
        for value in json.loads(zlib.decompress(packed))
    ]

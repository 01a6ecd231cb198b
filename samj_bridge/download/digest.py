"""Hashes of several kinds at once, while the bytes go by."""

from __future__ import annotations

import hashlib
import queue
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from samj_bridge.errors import FileError, InputError
from samj_bridge.progress import CancelToken, notify

__all__ = ["ALGORITHMS", "Digester", "Digests", "digest_file", "parse_hash", "read_blocks"]

ALGORITHMS = {"sha256": 64, "md5": 32, "xxh128": 32, "git-blob": 40}
"""Kinds of hash, and how many hexadecimal digits each has."""

_BLOCK = 1 << 19
_QUEUED_BLOCKS = 2


@dataclass(frozen=True)
class Digests:
    """Size and hashes of one file, each in lower-case hexadecimal; empty where it was not asked for.

    Examples
    --------
    >>> Digests.of(b"abc").md5
    '900150983cd24fb0d6963f7d28e17f72'
    """

    size: int
    """Bytes."""
    sha256: str
    """SHA-256 (FIPS 180-4)."""
    md5: str = ""
    """MD5 (RFC 1321): what older catalogs name; no protection against somebody who wants to deceive."""
    xxh128: str = ""
    """XXH3, 128 bits, seed 0: quick; no protection against somebody who wants to deceive either."""
    git_blob: str = ""
    """Id that the file has inside a git repository: SHA-1 of ``blob <size>`` and a zero byte, then the file."""

    @classmethod
    def of(cls, data: bytes) -> Digests:
        """Return the digests of `data`, of every kind."""
        with Digester(len(data)) as digester:
            digester.update(data)
            return digester.finish()

    def get(self, algorithm: str) -> str:
        """Return the hash of one kind, by its name in `ALGORITHMS`; empty where it was not asked for."""
        return str(getattr(self, algorithm.replace("-", "_")))

    def as_hashes(self) -> tuple[str, ...]:
        """Return those that are known as ``algorithm:hex``."""
        return tuple(f"{algorithm}:{self.get(algorithm)}" for algorithm in ALGORITHMS if self.get(algorithm))

    def first_mismatch(self, hashes: Iterable[str]) -> str | None:
        """Return the first of `hashes` (``algorithm:hex``) that is not this file's; None when all are right.

        A kind that was not asked for counts as wrong: nothing passes unseen.
        """
        for text in hashes:
            algorithm, expected = parse_hash(text)
            if self.get(algorithm) != expected:
                return text
        return None


def parse_hash(text: str) -> tuple[str, str]:
    """Split ``algorithm:hex`` into its two parts, in lower case.

    Raises
    ------
    InputError
        The algorithm is unknown, or the digits are not as many as it has.
    """
    algorithm, _, digits = text.strip().lower().partition(":")
    if re.fullmatch(r"[0-9a-f]+", digits) is None or ALGORITHMS.get(algorithm) != len(digits):
        kinds = ", ".join(f"{name} ({length} digits)" for name, length in ALGORITHMS.items())
        message = f"{text!r} is no hash that can be checked."
        raise InputError(message, code="bad-hash", hint=f"Write algorithm:hexadecimal with one of {kinds}.")
    return algorithm, digits


class Digester:
    """Takes a file block by block, and computes its hashes, each on a thread of its own.

    `close`, or leaving a ``with`` statement, ends the threads. `hashlib` and `xxhash` let go of the interpreter's
    lock, so that the slowest hash, not their sum, sets the pace where there are processors for it.

    Parameters
    ----------
    size : int or None
        Bytes that will come, for git's id, which starts with it. None while unknown: then `finish` returns an
        empty `Digests.git_blob`.
    kinds : collection of str
        Names in `ALGORITHMS`; sha256 is always one of them. Each costs processor time that a fast download wants
        for itself, so that what nobody compares is better left out.
    """

    def __init__(self, size: int | None, kinds: Collection[str] = tuple(ALGORITHMS)) -> None:
        self.size = size
        self.count = 0
        self._hashes: dict[str, Any] = {"sha256": hashlib.sha256()}
        if "md5" in kinds:
            self._hashes["md5"] = hashlib.md5(usedforsecurity=False)
        if "xxh128" in kinds:
            import xxhash

            self._hashes["xxh128"] = xxhash.xxh3_128()
        if "git-blob" in kinds and size is not None:
            self._hashes["git-blob"] = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        self._queues = {name: queue.Queue[Any](_QUEUED_BLOCKS) for name in self._hashes}
        self._threads = [
            threading.Thread(target=self._work, args=(name,), name=f"samj-hash-{name}", daemon=True)
            for name in self._hashes
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Digester:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def update(self, block: bytes | memoryview) -> None:
        """Take the next bytes, which nobody may change afterwards; waits while the hashes lag behind."""
        self.count += len(block)
        for waiting in self._queues.values():
            waiting.put(block)

    def finish(self) -> Digests:
        """Return the digests of all that came; nothing may come afterwards."""
        self.close()
        found = {name: value.hexdigest() for name, value in self._hashes.items()}
        git_blob = found.get("git-blob", "") if self.count == self.size else ""
        return Digests(self.count, found["sha256"], found.get("md5", ""), found.get("xxh128", ""), git_blob)

    def close(self) -> None:
        """Wait for the threads and end them. A second call does nothing."""
        if self._threads:
            for waiting in self._queues.values():
                waiting.put(None)
            for thread in self._threads:
                thread.join()
            self._threads = []

    def _work(self, name: str) -> None:
        update, waiting = self._hashes[name].update, self._queues[name]
        while (block := waiting.get()) is not None:
            update(block)


def read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a file, half a mebibyte at a time."""
    while block := file.read(_BLOCK):
        yield block


def digest_file(
    path: Path,
    *,
    kinds: Collection[str] = tuple(ALGORITHMS),
    on_block: Callable[[int], None] | None = None,
    cancel: CancelToken | None = None,
) -> Digests:
    """Return size and hashes of a file.

    Parameters
    ----------
    path : Path
        The file.
    kinds : collection of str
        Hashes wanted, as in `Digester`.
    on_block : callable, optional
        Called with the count of bytes read so far, after each block.
    cancel : CancelToken, optional
        Ends the reading.

    Raises
    ------
    FileError
        It can't be read, or changed meanwhile.
    Cancelled
        `cancel` was set.
    """
    try:
        with path.open("rb") as file, Digester(path.stat().st_size, kinds) as digester:
            for block in read_blocks(file):
                if cancel is not None:
                    cancel.check()
                digester.update(block)
                notify(on_block, digester.count)
            digests = digester.finish()
    except OSError as error:
        message = f"{path} can't be read: {error.strerror or error}."
        raise FileError(message, path=str(path)) from error
    if digests.size != digester.size:
        message = f"{path} changed while it was read."
        raise FileError(message, hint="Wait until whatever writes it has ended, then try again.", path=str(path))
    return digests

"""One file that a server has, for what such a server can do to a download."""

from __future__ import annotations

from pathlib import Path

from fakes.file_server import Content, FileServer

from samj_bridge.download import Digests, Policy, Source

SIZE = 3_500_000
HALF = SIZE // 2
CONTENT = Content(SIZE)
HASHES = Digests.of(CONTENT.bytes()).as_hashes()
QUICK = Policy(
    attempts=3, backoff_s=0.02, longest_backoff_s=0.1, longest_retry_after_s=5.0, connect_s=5.0, stall_s=1.0
)


def source(*servers: FileServer, size: int | None = SIZE, hashes: tuple[str, ...] = HASHES) -> Source:
    return Source(tuple(f"{one.url}/a.bin" for one in servers), "a.bin", size, hashes, allow_http=True)


def left_beside(target: Path) -> set[str]:
    """What a download left, but for the empty lock file."""
    return {path.name for path in target.parent.iterdir()} - {target.name, f"{target.name}.part.lock"}

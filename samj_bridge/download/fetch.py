"""Fetch a file: mirrors in turn, tries again, goes on where it broke off, and keeps nothing that is wrong."""

from __future__ import annotations

import contextlib
import errno
import os
from dataclasses import dataclass, field
from pathlib import Path

from samj_bridge.download.digest import Digests, digest_file
from samj_bridge.download.failure import Attempt, failure, not_verifiable, offline
from samj_bridge.download.meter import Meter
from samj_bridge.download.partial import Origin, Partial, cannot_write
from samj_bridge.download.reply import Reply, Trouble, shown
from samj_bridge.download.source import Policy, Source
from samj_bridge.download.transfer import Network, Transfer
from samj_bridge.download.turns import take_turn
from samj_bridge.errors import FileError
from samj_bridge.progress import CancelToken, Progress, ignore_progress
from samj_bridge.settings import Settings

__all__ = ["fetch"]

_PROGRESS_BYTES = 1 << 20


def fetch(
    source: Source,
    target: Path,
    *,
    settings: Settings,
    allow_unverified: bool = False,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
    policy: Policy | None = None,
) -> Digests:
    """Bring `source` to `target`, verified; return its size and hashes.

    A file that is at `target` already and is right is left alone, without asking the network. What came of a
    download that broke off stays beside it, ``<name>.part``, and the next call goes on from there. A second process
    that wants the same file waits for the first, and shows how far that is.

    Parameters
    ----------
    source : Source
        Addresses, size and hashes.
    target : Path
        Final name; the folder is made when missing.
    settings : Settings
        Offline or not, which certificates to trust, and the proxy.
    allow_unverified : bool
        Take a file of which no hash is known; the caller records the digests that are returned.
    progress : callable, optional
        Called with stages ``download``, ``wait`` and ``verify``; bytes done and in all; speed and time left
        in words.
    cancel : CancelToken, optional
        Ends the call at once, also while it waits for a server.
    policy : Policy, optional
        How patient to be.

    Raises
    ------
    HashMismatch
        An address gave a file with another hash, and no other gave the right one. Nothing of it is kept.
    SizeMismatch
        An address offers a file of another size, and no other gave the right one.
    DownloadError
        ``code``: ``offline`` (no network wanted), ``unverified`` (no hash is known, and `allow_unverified` is not
        set), ``unreachable``, ``refused`` (an answer like 404), ``busy``, ``tls`` (a certificate that nobody
        vouches for), ``proxy``, ``redirect``, ``stalled``, ``cut``, ``range``. ``details["attempts"]`` has every
        address.
    FileError
        The folder can't be written to; `NoSpaceError` where the disk is too full.
    InputError
        The settings' proxy or certificates can't be used.
    Cancelled
        `cancel` was set. What came so far is kept for the next call.
    """
    if not (source.hashes or allow_unverified):
        raise not_verifiable(source)
    before = _stamp(target)
    found = _already_there(source, target, progress, cancel)
    if found is not None:
        return found
    if settings.offline:
        raise offline(source, target)
    network = Network.of(settings)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(target.parent, error) from error
    if target.is_dir():
        raise cannot_write(target, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    with take_turn(target, source.size, progress, cancel) as part:
        # The one who was waited for may have brought it.
        found = _already_there(source, target, progress, cancel) if _stamp(target) != before else None
        if found is not None:
            return found
        with Partial(target, part, source.kinds) as partial:
            run = _Run(source, partial, network, policy or Policy(), progress, cancel)
            return run.from_anywhere()


@dataclass
class _Run:
    """One call of `fetch` that has its turn."""

    source: Source
    partial: Partial
    network: Network
    policy: Policy
    progress: Progress
    cancel: CancelToken | None
    attempts: list[Attempt] = field(default_factory=list)

    def from_anywhere(self) -> Digests:
        """Ask every address in turn."""
        self._take_up()
        whole = self.partial.origin.total if self.partial.origin is not None else None
        if whole is not None and self.partial.position == whole and self.source.hashes:
            # Killed between the last byte and the renaming.
            with contextlib.suppress(Trouble):
                return self._verified()
        for url in self.source.urls:
            try:
                return self._from_one(url)
            except Trouble as trouble:
                self.attempts.append(Attempt(shown(url), trouble.kind, trouble.reason))
        raise failure(self.source, self.attempts, kept=self.partial.position)

    def _take_up(self) -> None:
        meter = Meter(self.progress, "verify", f"Reading what came of {self.source.name} before")
        self.partial.find(self.source.size, on_block=meter.tell, cancel=self.cancel)

    def _from_one(self, url: str) -> Digests:
        """Ask one address, again and again as long as that may help."""
        failures, furthest = 0, self.partial.position
        while True:
            try:
                self._one_try(url)
                return self._verified()
            except Trouble as trouble:
                if not trouble.again:
                    raise
                if self.partial.position >= furthest + _PROGRESS_BYTES:
                    failures, furthest = 0, self.partial.position
                # A server that can't be reached is seldom there a second later: half as many tries.
                failures += 2 if trouble.kind == "unreachable" else 1
                asked_s = trouble.after_s or 0.0
                if failures >= self.policy.attempts or asked_s > self.policy.longest_retry_after_s:
                    raise
                self._pause(max(asked_s, self.policy.wait_s(failures)), trouble.reason)

    def _one_try(self, url: str) -> None:
        start, unchanged = self._rest(url)
        with Transfer(
            url, network=self.network, policy=self.policy, start=start, unchanged=unchanged, cancel=self.cancel
        ) as transfer:
            try:
                reply = transfer.reply()
            except Trouble as trouble:
                if trouble.kind == "range":
                    self.partial.discard()
                raise
            total = self._agree(reply, url, start)
            meter = Meter(self.progress, "download", f"Fetching {self.source.name}", total)
            meter.tell(self.partial.position, always=True)
            for block in transfer.blocks():
                if total is not None and self.partial.position + len(block) > total:
                    self.partial.discard()
                    reason = f"it sends more than the {total} bytes that the file has"
                    raise Trouble(reason, "wrong-size")
                if total is None:
                    self.partial.check_space(self.partial.position + len(block))
                if block:
                    self.partial.append(block)
                # Also when it is quiet: what came last would not be seen as long as the line stalls.
                meter.tell(self.partial.position)
            if total is not None and self.partial.position < total:
                reason = f"it ended after {self.partial.position} of {total} bytes"
                raise Trouble(reason, "cut", again=True)

    def _rest(self, url: str) -> tuple[int, str]:
        """Return where to go on, and what ``If-Range`` takes; from the start where the parts might not fit."""
        origin = self.partial.origin
        if origin is None or not self.partial.position:
            return 0, ""
        if origin.url == shown(url) and origin.validator:
            return self.partial.position, origin.validator
        # Another mirror, or one that names no version: only the hash will tell whether the parts fit.
        return (self.partial.position, "") if self.source.hashes else (0, "")

    def _agree(self, reply: Reply, url: str, start: int) -> int | None:
        """Compare the answer with what is known, before the first byte is kept; return the size of the whole."""
        if self.source.size is not None and reply.total not in {None, self.source.size}:
            page = " (it is a web page: does the network want you to sign in?)" if _is_page(reply) else ""
            reason = f"it offers {reply.total} bytes, not {self.source.size}{page}"
            raise Trouble(reason, "wrong-size")
        total = self.source.size if reply.total is None else reply.total
        if total is None and not reply.ends_itself and not self.source.hashes:
            raise Trouble("it does not say how long the file is, so that nobody knows when it is whole", "refused")
        origin = self.partial.origin
        if reply.status == 206:
            fits = reply.start == start and origin is not None and origin.total in {None, total}
            changed = origin is not None and origin.url == shown(url) and reply.validator != origin.validator
            if not fits or changed:
                self.partial.discard()
                raise Trouble("it has another version of the file now", "range", again=True)
            self.partial.patched = True
        else:
            self.partial.begin(Origin(shown(url), reply.validator, total))
        if total is not None:
            self.partial.check_space(total)
        return total

    def _verified(self) -> Digests:
        """Give the file its final name when it is right; else forget it."""
        size = self.partial.position
        meter = Meter(self.progress, "download", f"Fetching {self.source.name}", size)
        meter.tell(size, note="bringing it to the disk", always=True)
        digests = self.partial.digests()
        wrong = digests.first_mismatch(self.source.hashes)
        if wrong is None:
            self.partial.commit()
            return digests
        patched = self.partial.patched
        self.partial.discard()
        actual = digests.get(wrong.strip().lower().partition(":")[0])
        reason = f"the file is another one: its hash should be {wrong} and is {actual}"
        # Parts that don't fit may be of two versions of the file: all of it, from the start, decides.
        raise Trouble(reason, "wrong-hash", again=patched)

    def _pause(self, seconds: float, reason: str) -> None:
        what = f"Fetching {self.source.name}"
        Meter(self.progress, "download", what, self.source.size).tell(
            self.partial.position, note=f"{reason}; trying again in {seconds:.0f} s", always=True
        )
        token = self.cancel or CancelToken()
        token.wait(seconds)
        token.check()


def _already_there(source: Source, target: Path, progress: Progress, cancel: CancelToken | None) -> Digests | None:
    try:
        size = target.stat().st_size
    except OSError:
        return None
    if not source.hashes or (source.size is not None and source.size != size):
        return None
    meter = Meter(progress, "verify", f"Checking {source.name}", size)
    try:
        digests = digest_file(target, kinds=source.kinds, on_block=meter.tell, cancel=cancel)
    except FileError:
        return None
    return digests if digests.first_mismatch(source.hashes) is None else None


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _is_page(reply: Reply) -> bool:
    return reply.content_type in {"text/html", "application/xhtml+xml"}

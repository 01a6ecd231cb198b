"""Wheels of a package index: the file of one project and version, found on the project's page (PEP 503).

A source ``pypi:PROJECT==VERSION!/path/in/wheel`` names one file inside a wheel; ``#sha256=...`` after it pins the
wheel itself. Which index is asked is the user's to say: see `samj_bridge.settings.package_index`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from samj_bridge.download.failure import HINTS
from samj_bridge.download.page import ListedWheel, normalised, wheels_on
from samj_bridge.download.reply import Trouble, shown
from samj_bridge.download.source import Policy, Source
from samj_bridge.download.transfer import Network, Transfer
from samj_bridge.errors import DownloadError, InputError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.settings import Settings, package_index

__all__ = ["WheelSource", "find_wheel"]

_FORM = re.compile(
    r"pypi:(?P<project>[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)==(?P<version>[A-Za-z0-9.+!_-]+?)"
    r"!/(?P<member>[^#]+)(?:#sha256=(?P<sha256>[0-9a-f]{64}))?"
)
_LARGEST_PAGE = 64 << 20
_LISTED = 8


@dataclass(frozen=True)
class WheelSource:
    """One file inside a wheel.

    Examples
    --------
    >>> WheelSource.parse("pypi:some-tool==1.0!/some_tool/weights.pth").member
    'some_tool/weights.pth'
    """

    project: str
    """Name on the index."""
    version: str
    """The very version."""
    member: str
    """Name of the file in the wheel, with ``/``."""
    sha256: str = ""
    """Hash of the wheel; empty: the one that the index announces is taken."""

    @classmethod
    def parse(cls, text: str) -> WheelSource:
        """Read ``pypi:PROJECT==VERSION!/path/in/wheel``, with ``#sha256=...`` or without.

        Raises
        ------
        InputError
            ``bad-address``: it has another form.
        """
        found = _FORM.fullmatch(text)
        if found is None:
            message = f"{text!r} names no file in a wheel."
            hint = "Write pypi:PROJECT==VERSION!/path/in/wheel, and #sha256=... of the wheel after it."
            raise InputError(message, code="bad-address", hint=hint, url=text)
        return cls(found["project"], found["version"], found["member"], found["sha256"] or "")

    @staticmethod
    def names(text: str) -> bool:
        """Tell whether an address is meant to be one of a file in a wheel."""
        return text.startswith("pypi:")

    @property
    def title(self) -> str:
        """Project and version, in words."""
        return f"{self.project} {self.version}"

    @property
    def hashes(self) -> tuple[str, ...]:
        """What the wheel must hash to, as in `Source`; empty: not known before the index was asked."""
        return (f"sha256:{self.sha256}",) if self.sha256 else ()


def find_wheel(
    wanted: WheelSource,
    settings: Settings,
    *,
    policy: Policy | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Source:
    """Ask the user's package index for the wheel of a project and version; return what `fetch` takes.

    The hash is `wanted`'s own, or else what the index announces; empty where there is neither. A name and password
    in the index's address are used for files on the same server too, and appear in no message.

    Raises
    ------
    DownloadError
        ``no-such-wheel``: the index does not have the project, or no wheel of that version. Else as of
        `samj_bridge.download.fetch`.
    InputError
        The settings' proxy, certificates or index can't be used.
    Cancelled
        `cancel` was set.
    """
    index = package_index(settings)
    if urlsplit(index).scheme not in {"http", "https"}:
        message = f"The package index {shown(index)!r} can't be asked: it does not start with http:// or https://."
        hint = "Set SAMJ_PYPI_INDEX to the index's address, such as https://pypi.org/simple."
        raise InputError(message, code="bad-address", hint=hint)
    page_url = f"{index.rstrip('/')}/{normalised(wanted.project)}/"
    notify(progress, ProgressEvent("download", f"Asking {urlsplit(index).hostname} for {wanted.title}"))
    try:
        address, page = _page(page_url, Network.of(settings), policy or Policy(), cancel)
    except Trouble as trouble:
        if trouble.status in {404, 410}:
            raise _no_wheel(wanted, index, "it does not have the project", []) from None
        message = (
            f"{wanted.title} could not be fetched. {shown(page_url)}: {trouble.reason}. Nothing of it was kept."
        )
        attempts = [{"url": shown(page_url), "kind": trouble.kind, "reason": trouble.reason}]
        raise DownloadError(message, code=trouble.kind, hint=HINTS[trouble.kind], attempts=attempts) from None
    wheels = wheels_on(page, wanted.project, address)
    fitting = [wheel for wheel in wheels if wheel.version.lower() == wanted.version.lower().replace("-", "_")]
    if not fitting:
        raise _no_wheel(wanted, index, "it has no wheel of that version", wheels)
    # Of several the one with the pinned hash; a wheel for every machine else: weights are the same in all.
    best = min(fitting, key=lambda one: (bool(wanted.sha256) and one.sha256 != wanted.sha256, not one.is_pure))
    hashes = wanted.hashes or ((f"sha256:{best.sha256}",) if best.sha256 else ())
    plain = urlsplit(index).scheme == "http"
    return Source((_with_credentials(best.url, index),), best.filename, None, hashes, allow_http=plain)


def _page(url: str, network: Network, policy: Policy, cancel: CancelToken | None) -> tuple[str, str]:
    """Return the address that answered, and its page; tried again as long as that may help."""
    failures = 0
    while True:
        try:
            with Transfer(url, network=network, policy=policy, cancel=cancel) as transfer:
                reply = transfer.reply()
                data = bytearray()
                for block in transfer.blocks():
                    data += block
                    if len(data) > _LARGEST_PAGE:
                        raise Trouble("its page does not end", "refused")
                if reply.total is not None and len(data) < reply.total:
                    reason = f"it ended after {len(data)} of {reply.total} bytes"
                    raise Trouble(reason, "cut", again=True)
                return transfer.address, data.decode("utf-8", errors="replace")
        except Trouble as trouble:
            failures += 2 if trouble.kind == "unreachable" else 1
            asked_s = trouble.after_s or 0.0
            if not trouble.again or failures >= policy.attempts or asked_s > policy.longest_retry_after_s:
                raise
            token = cancel or CancelToken()
            token.wait(max(asked_s, policy.wait_s(failures)))
            token.check()


def _with_credentials(url: str, index: str) -> str:
    """Give the index's name and password to a file on the same server."""
    file, home = urlsplit(url), urlsplit(index)
    user, _, host = home.netloc.rpartition("@")
    if user and (file.scheme, file.netloc.lower()) == (home.scheme, host.lower()):
        return urlunsplit(file._replace(netloc=home.netloc))
    return url


def _no_wheel(wanted: WheelSource, index: str, reason: str, wheels: list[ListedWheel]) -> DownloadError:
    versions = list(dict.fromkeys(wheel.version.lower() for wheel in wheels))
    listed = ", ".join(versions[-_LISTED:])
    held = f" It has {listed}." if versions else ""
    message = f"{wanted.title} could not be fetched from {shown(index)}: {reason}.{held} Nothing was changed."
    hint = (
        "If that index is a mirror with a selection, ask whoever runs it for that version, or let SAMJ_PYPI_INDEX"
        " name another one, such as https://pypi.org/simple."
    )
    attempts = [{"url": shown(index), "kind": "no-such-wheel", "reason": reason}]
    return DownloadError(message, code="no-such-wheel", hint=hint, attempts=attempts, versions=versions)

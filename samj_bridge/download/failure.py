"""What to say when no address gave the file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from samj_bridge.download.meter import amount
from samj_bridge.download.source import Source
from samj_bridge.errors import DownloadError, HashMismatch, SizeMismatch

__all__ = ["HINTS", "Attempt", "failure", "not_verifiable", "offline"]

_AGAIN = "Try again later"
HINTS = {
    "wrong-hash": "Don't use a copy from there. Try another mirror, or ask whoever runs the server.",
    "wrong-size": "The server has another file under that address. Try another mirror.",
    "unreachable": "Check the connection, and the proxy (SAMJ_PROXY, HTTPS_PROXY).",
    "tls": "If your network checks traffic with a certificate of its own, let SAMJ_CA_BUNDLE name it.",
    "proxy": "Set the proxy with its name and password: SAMJ_PROXY=http://name:password@host:port.",
    "refused": "Check the address, or try another mirror.",
    "redirect": "Check the address, or try another mirror.",
    "busy": f"{_AGAIN}, or use another mirror.",
    "stalled": f"Check the connection. {_AGAIN}, or use another mirror.",
    "cut": f"Check the connection. {_AGAIN}.",
    "range": f"{_AGAIN}, or use another mirror.",
}


@dataclass(frozen=True)
class Attempt:
    """What came of one address."""

    url: str
    """The address, as it may be shown."""
    kind: str
    """As in `Trouble`."""
    reason: str
    """In words."""


def failure(source: Source, attempts: list[Attempt], *, kept: int) -> DownloadError:
    """Return the error for a file that no address gave: the one that matters most decides which."""
    # A wrong file is graver than none: somebody should look at it, even if another mirror is only down.
    worst = next(
        (item for kind in ("wrong-hash", "wrong-size") for item in attempts if item.kind == kind),
        attempts[-1] if attempts else Attempt("", "refused", "no address is known"),
    )
    reasons = "; ".join(f"{item.url}: {item.reason}" for item in attempts) or worst.reason
    left = f"The {amount(kept)} that came are kept: the next try goes on from there." if kept else ""
    message = f"{source.name} could not be fetched. {reasons}. {left or 'Nothing of it was kept.'}"
    cls = {"wrong-hash": HashMismatch, "wrong-size": SizeMismatch}.get(worst.kind, DownloadError)
    details = {"attempts": [asdict(item) for item in attempts], "kept": kept, "expected": list(source.hashes)}
    return cls(message, code=worst.kind, hint=HINTS[worst.kind], **details)


def not_verifiable(source: Source) -> DownloadError:
    """Return the error for a file of which no hash is known."""
    message = f"No hash of {source.name} is known, so that nobody can tell whether the right file comes."
    hint = "Allow it explicitly (--allow-unverified); its own hash is recorded then."
    return DownloadError(message, code="unverified", hint=hint, attempts=[])


def offline(source: Source, target: Path) -> DownloadError:
    """Return the error for a file that is needed where no network is wanted."""
    size = f"{amount(source.size)}, " if source.size is not None else ""
    hashes = ", ".join(source.hashes) or "no hash known"
    message = f"{source.name} is not there, and samj-bridge is offline ({size}{hashes})."
    where = source.urls[0] if source.urls else "where you have it"
    hint = f"Go online (unset SAMJ_OFFLINE), or get it from {where} and put it there by hand."
    return DownloadError(message, code="offline", hint=hint, attempts=[], path=str(target))

"""The servers that an installation needs, and what stands between."""

from __future__ import annotations

from collections.abc import Iterator

from samj_bridge.doctor.finding import Finding
from samj_bridge.install.builders.base import addresses_of
from samj_bridge.install.prefixes.environment import find_environment
from samj_bridge.install.reach import Answer, ask_all
from samj_bridge.install.specification import load_specification
from samj_bridge.settings import Settings

__all__ = ["check_network", "explain"]

_CLOCK_TOLERANCE_S = 300.0


def check_network(settings: Settings) -> Iterator[Finding]:
    """Ask the servers of each way to make an environment, all at once."""
    groups = addresses_of(settings, load_specification())
    answers = ask_all((url for urls in groups.values() for url in urls), settings)
    usable = [name for name, urls in groups.items() if all(answers[url].ok for url in urls)]
    # Who has an environment already works without any of them.
    needed = not usable and find_environment(settings) is None
    for name, urls in groups.items():
        for url in urls:
            yield explain(answers[url], name, needed=needed)
    ahead = [answer.clock_ahead_s for answer in answers.values() if answer.clock_ahead_s is not None]
    if ahead and min(abs(seconds) for seconds in ahead) > _CLOCK_TOLERANCE_S:
        yield _clock(min(ahead, key=abs))


def explain(answer: Answer, what: str, *, needed: bool) -> Finding:
    """Return what an answer means for a user.

    Parameters
    ----------
    answer : Answer
        Of one server.
    what : str
        Who needs the server.
    needed : bool
        Whether nothing can be installed without it.
    """
    if answer.ok:
        return Finding("network", "ok", f"{answer.host} answers ({what}, {answer.seconds:.1f} s)")
    status = "broken" if needed else "warning"
    message = f"{answer.host} can't be used ({what}): {answer.reason}."
    return Finding("network", status, message, _mend(answer))


def _mend(answer: Answer) -> str:
    if answer.kind == "tls":
        return _mend_tls(answer)
    mends = {
        "proxy-credentials": "Write them into its address, as HTTPS_PROXY or SAMJ_PROXY: http://user:password@host:port",
        "proxy": f"Ask whoever runs the proxy to allow {answer.host}, or set a mirror (docs/how-to/installing.md).",
        "status": "Check the address of the index, channel or mirror that is set.",
        "address": "Correct the address of the index, channel or mirror that is set.",
    }
    usual = "Check the connection, and HTTPS_PROXY or SAMJ_PROXY if you are behind a proxy."
    return mends.get(answer.kind, usual)


def _mend_tls(answer: Answer) -> str:
    if "expired" in answer.reason or "not yet valid" in answer.reason:
        return "Look whether this machine's date and time are right; if they are, the server's certificate is not."
    if answer.issuer:
        return (
            f"It was issued by {answer.issuer!r}. If that is your company, which opens secure connections to look "
            "into them, save its certificate as a file and set SAMJ_CA_BUNDLE to it. If you don't know it, stop."
        )
    return "Set SAMJ_CA_BUNDLE (or SSL_CERT_FILE) to a file with the certificates to trust."


def _clock(ahead_s: float) -> Finding:
    hours = abs(ahead_s) / 3600
    amount = f"{hours:.0f} hours" if hours >= 2 else f"{hours * 60:.0f} minutes"
    side = "ahead of" if ahead_s > 0 else "behind"
    message = f"This machine's clock is {amount} {side} the servers': secure connections may fail for it."
    return Finding("clock", "warning", message, "Set the date and time, or switch on their synchronisation.")

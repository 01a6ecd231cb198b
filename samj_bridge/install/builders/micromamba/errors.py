"""What micromamba's complaints mean: the cause first, in our words, with what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from samj_bridge.errors import FileError, InputError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install.builders.micromamba.channels import without_secrets
from samj_bridge.process.run import Finished
from samj_bridge.settings import Settings

__all__ = ["explain", "silent", "unsolvable"]

_SOLVE = re.compile(r"Could not solve|does not exist \(perhaps", re.IGNORECASE)
_STATUS = re.compile(r"(?:status|error)(?: code)?:? \(?([45]\d\d)\b|\b(40[134]) ", re.IGNORECASE)
_LEVEL = re.compile(r"^(critical|error|warning)\s+libmamba\s*", re.IGNORECASE)
_TREE = re.compile(r"[└├│─\s]+")
_ADDRESS = re.compile(r"(?:https?|file)://[^\s\]'\"]+")
# In the order in which they are asked: a full disk also looks like a broken download.
_SIGNS = {
    "no-space": r"no space left|not enough space|disk quota exceeded|disk full|errno:? (28|122)\b|\(23\)",
    "hash-mismatch": r"File not valid|incorrect downloads|doesn't match expectation",
    "no-solution": _SOLVE.pattern,
    "bad-ca-bundle": r"ssl_verify does not contain a valid",
    "proxy": r"response 407|status(?: code)?:? 407|\b407 Proxy|\(5\) ",
    "tls": r"\((35|51|58|60|77|83)\)|SSL certificate|certificate verify",
    "refused": _STATUS.pattern,
    "network": r"Download error|Could not (resolve|connect)|Subdir .* not loaded|Transfer|timed? ?out",
    "not-writable": r"permission denied|read-only file system|failed to open|not permitted|Could not open",
    "path-too-long": r"Package cache error|path too long|file ?name too long",
    "damaged-package": r"extracting|unpack|decompress|opening for reading",
}
_KINDS: dict[str, type[SamjError]] = {
    "no-space": NoSpaceError,
    "bad-ca-bundle": InputError,
    "proxy": NetworkError,
    "tls": NetworkError,
    "refused": NetworkError,
    "network": NetworkError,
    "not-writable": FileError,
}


def explain(finished: Finished, settings: Settings, free_bytes: int) -> SamjError:
    """Return the error that tells why micromamba failed.

    Parameters
    ----------
    finished : Finished
        What it left.
    settings : Settings
        For what to do next.
    free_bytes : int
        Room on the disk it wrote to, afterwards: not every full disk is called by its name.
    """
    lines = [*finished.stdout, *finished.stderr]
    text = "\n".join(lines)
    found = (code for code, sign in _SIGNS.items() if re.search(sign, text, re.IGNORECASE))
    code = "no-space" if free_bytes < 1_000_000 else next(found, "micromamba-failed")
    if code == "no-solution":
        return unsolvable(finished)
    message, hint = _words(code, lines, finished, settings, free_bytes)
    output = [without_secrets(line) for line in lines[-40:]]
    return _KINDS.get(code, InstallError)(
        message, code=code, hint=hint, output=output, returncode=finished.returncode
    )


def _words(
    code: str, lines: Sequence[str], finished: Finished, settings: Settings, free_bytes: int
) -> tuple[str, str]:
    """Return the sentence and the hint for each kind of failure."""
    reason = _reason(finished.stderr or finished.stdout)
    server = next((without_secrets(match[0]) for match in map(_ADDRESS.search, lines) if match), "the channel")
    status = next((match[1] or match[2] for match in map(_STATUS.search, lines) if match), "")
    ca_bundle = settings.ca_bundle or "named by SSL_CERT_FILE"
    return {
        "no-space": (
            f"The disk of {settings.home} is full ({free_bytes / 1e6:.0f} MB free). What was half made is gone.",
            "Free some space (samj-bridge env prune), or choose a folder on another disk with SAMJ_HOME.",
        ),
        "hash-mismatch": (
            f"A downloaded package is not the one that was pinned ({_hashes(lines)}). Nothing was installed.",
            "Try again; if it stays so, a proxy or mirror changes packages: tell its administrator.",
        ),
        "bad-ca-bundle": (
            f"The file of certificates {ca_bundle} does not exist. Nothing was installed.",
            "Correct SAMJ_CA_BUNDLE (or SSL_CERT_FILE).",
        ),
        "proxy": (
            f"The proxy wants a name and a password, or can't be found: {server} could not be reached.",
            "Set SAMJ_PROXY (or HTTPS_PROXY) to http://NAME:PASSWORD@PROXY:PORT",
        ),
        "tls": (
            f"The certificate of {server} is not trusted: something on the way may open the connection.",
            "Ask for your network's certificate and set SAMJ_CA_BUNDLE to its file.",
        ),
        "refused": (
            f"{server} can't be had: the server answered {status}.",
            "Try again later; if it stays so, the channel lacks it (SAMJ_CHANNELS, SAMJ_CONDA_MIRROR).",
        ),
        "network": (
            f"No connection to {server} ({reason}).",
            "Check the connection, and SAMJ_PROXY or HTTPS_PROXY if you are behind a proxy; then try again.",
        ),
        "not-writable": (
            f"A file could not be written during the installation ({reason}).",
            f"Check that {settings.home} may be written to, or choose another folder with SAMJ_HOME.",
        ),
        "path-too-long": (
            f"Unpacked packages can't be read ({reason}): on Windows that means that their paths are too long.",
            "Set SAMJ_HOME to a folder with a short path, such as C:\\samj, or switch on long paths in Windows.",
        ),
        "damaged-package": (
            f"A downloaded package is damaged ({reason}). Nothing was installed.",
            "Try again: it will be fetched anew.",
        ),
    }.get(
        code,
        (
            f"micromamba failed: {reason or f'exit status {finished.returncode}'}.",
            "Run samj-bridge doctor, and report it with its output. SAMJ_BUILDER=uv is another way.",
        ),
    )


def unsolvable(finished: Finished) -> InstallError:
    """Return the error for packages that can't be had together, with the solver's reasons."""
    reasons = _reasons(finished.stderr or finished.stdout)
    shown = "; ".join(reasons[:4]) or "it gives no reason"
    message = f"The conda channels have no set of packages that fits: {shown}. Nothing was installed."
    hint = "Check the channels (SAMJ_CHANNELS, SAMJ_CONDA_MIRROR), or take another builder: SAMJ_BUILDER=uv"
    return InstallError(message, code="no-solution", hint=hint, reasons=reasons)


def silent(seconds: float, step: str, where: Sequence[str], root: Path) -> SamjError:
    """Return the error for a micromamba that was stopped because nothing happened any more."""
    if step == "install":
        message = f"Unpacking packages came to a stop: nothing happened in {root} for {seconds:g} s."
        hint = "Check the disk, and whether a virus scanner holds files there; then try again."
        return InstallError(message, code="stalled", hint=hint)
    servers = ", ".join(dict.fromkeys(without_secrets(item) for item in where)) or "the server of the packages"
    message = f"{servers} stopped answering: nothing came for {seconds:g} s. What was half made is gone."
    return NetworkError(
        message, code="silent", hint="Check the connection and the proxy; then try again: what came is kept."
    )


def _reason(lines: Sequence[str]) -> str:
    """Return the first complaint, which is the cause of those after it."""
    complaints = [_LEVEL.sub("", line) for line in lines if line.startswith(("error", "critical"))]
    plain = [line.strip() for line in lines if line.strip()]
    chosen = (complaints or plain[-1:] or [""])[0]
    return _ADDRESS.sub(lambda match: without_secrets(match[0]), chosen).strip(" .:")


def _reasons(lines: Sequence[str]) -> list[str]:
    found = []
    for line in lines:
        if _LEVEL.match(line) or not line.strip():
            continue
        text = _TREE.sub(" ", line, count=1).strip() if _TREE.match(line) else line.strip()
        if text and not text.startswith("The following package"):
            found.append(text.rstrip(".;"))
    return found


def _hashes(lines: Sequence[str]) -> str:
    wanted = ("File not valid", "Expected:", "Actual:")
    parts = [_LEVEL.sub("", line).strip() for line in lines if any(word in line for word in wanted)]
    return ", ".join(parts[:3]) or "hash mismatch"

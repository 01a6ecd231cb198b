"""What micromamba's complaints mean: the cause first, in our words, with what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from samj_bridge.errors import FileError, InputError, InstallError, NetworkError, NoSpaceError, SamjError
from samj_bridge.install.builders.micromamba.complaints import Said, crashed, hash_pair, listen, signal_of
from samj_bridge.install.secrets import without_secrets
from samj_bridge.process.environ import clean_environ
from samj_bridge.process.run import Finished
from samj_bridge.settings import Settings

__all__ = ["explain", "silent", "unsolvable"]

_STATUS = re.compile(
    r"(?:status|error|response)(?: code)?:? \(?([45]\d\d)\b"
    r"|\b(40[134]) (?:Not|Forb|Unauth)|HTTP(?: code)? ([45]\d\d)\b",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"(?:https?|file)://[^\s\]'\"]+")
# In the order in which they are asked: a full disk also looks like a broken download, and a package that is not
# there is compared with a hash all the same.
_SIGNS = {
    "no-space": (
        r"no space left|not enough space|disk quota exceeded|disk full|errno:? (28|122)\b|\(23\)|Write failed"
    ),
    "bad-ca-bundle": r"ssl_verify does not contain a valid",
    "proxy": r"response 407|status(?: code)?:? 407|\b407 Proxy|\(5\) |resolve proxy",
    "tls": r"\((35|51|58|60|77|83)\)|SSL certificate|certificate verify",
    "refused": _STATUS.pattern,
    "hash-mismatch": r"File not valid|doesn't match expectation",
    "no-solution": r"Could not solve|does not exist \(perhaps",
    "network": r"Download error|Could ?n[o']t (resolve|connect)|Subdir .* not loaded|Transfer|timed? ?out",
    "not-writable": r"permission denied|read-only file system|failed to open|not permitted|Could not open",
    "path-too-long": r"Package cache error|path too long|file ?name too long",
    "damaged-package": r"extracting|unpack|decompress|opening for reading|incorrect downloads|File not valid",
}
_KINDS: dict[str, type[SamjError]] = {
    "no-space": NoSpaceError,
    "bad-ca-bundle": InputError,
    "proxy": NetworkError,
    "tls": NetworkError,
    "refused": NetworkError,
    "network": NetworkError,
    "not-writable": FileError,
    "write-failed": FileError,
}
_OTHER_WAY = "Run samj-bridge doctor, and report it with its output. SAMJ_BUILDER=uv is another way."


def explain(finished: Finished, settings: Settings, free_bytes: int, needed_bytes: int = 0) -> SamjError:
    """Return the error that tells why micromamba failed.

    Parameters
    ----------
    finished : Finished
        What it left.
    settings : Settings
        For what to do next.
    free_bytes : int
        Room on the disk it wrote to, afterwards: not every full disk is called by its name, and what it half
        unpacked is gone by now.
    needed_bytes : int
        What the packages were thought to need.
    """
    # Standard output first: its lines have no level, and would be taken for the end of a complaint.
    said = listen([*finished.stdout, *finished.stderr])
    code = _code(finished, said, free_bytes)
    if code == "no-solution":
        return unsolvable(finished)
    if code == "no-space" and needed_bytes and free_bytes > 1.2 * needed_bytes + 2e8 and not _names_space(said):
        code = "write-failed"
    message, hint = _words(code, said, finished, settings, free_bytes)
    details = {"output": list(said.lines[:40]), "returncode": finished.returncode}
    if name := signal_of(finished):
        details["signal"] = name
    return _KINDS.get(code, InstallError)(message, code=code, hint=hint, **details)


def _code(finished: Finished, said: Said, free_bytes: int) -> str:
    if free_bytes < 1_000_000 or re.search(_SIGNS["no-space"], "\n".join(said.lines), re.IGNORECASE):
        return "no-space"
    if name := signal_of(finished):
        return "crashed" if crashed(name) else "killed"
    # Warnings and what else is printed count only where no error says anything.
    for lines in (said.complaints, said.rest):
        text = "\n".join(lines)
        for code, sign in _SIGNS.items():
            if re.search(sign, text, re.IGNORECASE) and (code != "hash-mismatch" or hash_pair(lines)):
                return code
    return "micromamba-failed"


def _names_space(said: Said) -> bool:
    words = _SIGNS["no-space"].removesuffix("|Write failed")
    return bool(re.search(words, "\n".join(said.lines), re.IGNORECASE))


def _words(code: str, said: Said, finished: Finished, settings: Settings, free_bytes: int) -> tuple[str, str]:
    """Return the sentence and the hint for each kind of failure."""
    reason = said.reason
    server = next((match[0].rstrip(".,") for match in map(_ADDRESS.search, said.lines) if match), "the channel")
    status = next((match[1] or match[2] or match[3] for match in map(_STATUS.search, said.lines) if match), "")
    ca_bundle = settings.ca_bundle or "named by SSL_CERT_FILE"
    proxy = _dead_proxy(said, settings)
    dead = (
        f"The proxy {proxy} can't be reached, and so neither can {server} ({reason}).",
        "Correct SAMJ_PROXY (or HTTPS_PROXY), or unset it if there is no proxy any more; then try again.",
    )
    name = signal_of(finished)
    return {
        "no-space": (
            f"The disk of {settings.home} {_fullness(free_bytes)}. What was half made is gone.",
            "Free some space (samj-bridge env prune), or choose a folder on another disk with SAMJ_HOME.",
        ),
        "write-failed": (
            (
                f"Unpacked packages could not be written ({reason}), although {settings.home} has "
                f"{free_bytes / 1e6:.0f} MB free. What was half made is gone."
            ),
            "Look for a quota, for a disk without room for more files (df -i), and for a failing disk.",
        ),
        "hash-mismatch": (
            f"A downloaded package is not the one that was pinned ({_hashes(said.lines)}). Nothing was installed.",
            "Try again; if it stays so, a proxy or mirror changes packages: tell its administrator.",
        ),
        "bad-ca-bundle": (
            f"The file of certificates {ca_bundle} does not exist. Nothing was installed.",
            "Correct SAMJ_CA_BUNDLE (or SSL_CERT_FILE).",
        ),
        "proxy": (
            (
                f"The proxy wants a name and a password, or can't be found: {server} could not be reached.",
                "Set SAMJ_PROXY (or HTTPS_PROXY) to http://NAME:PASSWORD@PROXY:PORT",
            )
            if not proxy
            else dead
        ),
        "tls": (
            f"The certificate of {server} is not trusted: something on the way may open the connection.",
            "Ask for your network's certificate and set SAMJ_CA_BUNDLE to its file.",
        ),
        "refused": (
            f"{server} can't be had: the server answered {status}.",
            "The channel asks for a name and a password or a token: put them into its address (SAMJ_CHANNELS)."
            if status in {"401", "403"}
            else "Try again later; if it stays so, the channel lacks it (SAMJ_CHANNELS, SAMJ_CONDA_MIRROR).",
        ),
        "network": (
            dead
            if proxy
            else (
                f"No connection to {server} ({reason}).",
                "Check the connection, and SAMJ_PROXY or HTTPS_PROXY if you are behind a proxy; then try again.",
            )
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
            f"A downloaded package is damaged ({reason or 'nobody says which'}). Nothing was installed.",
            "Try again: it will be fetched anew.",
        ),
        "killed": (
            f"micromamba was ended by a signal from outside ({name}). What was half made is gone.",
            "If nobody stopped it, the system did, for want of memory: close other programs, then try again."
            if name == "SIGKILL"
            else "Try again.",
        ),
        "crashed": (
            f"micromamba crashed ({name}). What was half made is gone.",
            "Try again; if it stays so, clear its cache (samj-bridge env prune --caches) or take SAMJ_BUILDER=uv",
        ),
    }.get(
        code,
        (
            f"micromamba failed: {reason or f'exit status {finished.returncode}'}.",
            "samj-bridge env prune --caches clears what it has stored; then try again. " + _OTHER_WAY,
        ),
    )


def unsolvable(finished: Finished) -> InstallError:
    """Return the error for packages that can't be had together, with the solver's reasons."""
    reasons = listen(finished.stderr or finished.stdout).solver_reasons
    shown = "; ".join(reasons[:4]) or "it gives no reason"
    message = f"The conda channels have no set of packages that fits: {shown}. Nothing was installed."
    hint = (
        "Check the channels (SAMJ_CHANNELS, SAMJ_CONDA_MIRROR), or take another builder: SAMJ_BUILDER=uv. What is "
        "stored of the channels is cleared by: samj-bridge env prune --caches"
    )
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


def _fullness(free_bytes: int) -> str:
    if free_bytes < 50_000_000:
        return f"is full ({free_bytes / 1e6:.0f} MB free)"
    # micromamba itself removes what it could not write to its end; and a disk may have room, but not for files.
    return (
        f"was full while packages were unpacked ({free_bytes / 1e6:.0f} MB are free again, or it has no room for "
        "more files)"
    )


def _dead_proxy(said: Said, settings: Settings) -> str:
    """Return the proxy that does not answer, as ``host:port``, where that is what libcurl complains of."""
    variables = clean_environ() | settings.network_variables
    names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    for text in dict.fromkeys(variables[name] for name in names if variables.get(name)):
        try:
            address = urlsplit(text if "://" in text else f"http://{text}")
            host, port = address.hostname or "", address.port
        except ValueError:
            continue
        place = f"{host}:{port}" if port else host
        for line in said.lines:
            refused = re.search(rf"connect to {re.escape(host)} port (\d+)", line, re.IGNORECASE)
            if host and (
                (refused and (port is None or int(refused[1]) == port))
                or re.search(rf"(resolve proxy:?|via) {re.escape(host)}\b", line, re.IGNORECASE)
            ):
                return place
    return ""


def _hashes(lines: Sequence[str]) -> str:
    wanted = ("File not valid", "Expected:", "Actual:")
    return ", ".join([line.strip() for line in lines if any(word in line for word in wanted)][:3])

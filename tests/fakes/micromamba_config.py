"""The stand-in's command line and configuration: what micromamba takes, and what it takes wrongly."""

from __future__ import annotations

import json
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_SHORT = {
    "-r": "root-prefix", "-p": "prefix", "-c": "channel", "-f": "file", "-y": "yes", "-q": "quiet", "-d": "dry-run"
}  # fmt: skip
_FLAGS = {
    "yes", "no-rc", "no-env", "json", "quiet", "dry-run", "override-channels", "offline", "always-copy",
    "download-only", "verbose",
}  # fmt: skip
_VALUES = {
    "root-prefix", "prefix", "channel", "file", "rc-file", "ssl-verify", "cacert-path", "safety-checks",
    "extra-safety-checks", "channel-priority", "platform", "repodata-ttl",
}  # fmt: skip


class BadOption(Exception):
    """An option that there is not: exit status 109."""


class BadConfiguration(Exception):
    """What can't be configured so: exit status 1."""


@dataclass
class Options:
    root: Path
    prefix: Path
    specs: list[str]
    channels: list[str]
    file: Path | None
    yes: bool
    json: bool
    quiet: bool
    dry_run: bool
    verify: bool | str
    rc: dict[str, Any] = field(default_factory=dict)
    platform: str = ""
    ttl: int | None = None


def parse(arguments: list[str]) -> Options:
    flags: set[str] = set()
    values: dict[str, list[str]] = {}
    words: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            words.append(word)
            continue
        name, _, value = word.partition("=")
        name = _SHORT.get(name, name.removeprefix("--"))
        if name in _FLAGS:
            flags.add(name)
        elif name in _VALUES and (value or rest):
            values.setdefault(name, []).append(value or rest.pop(0))
        else:
            raise BadOption(f"The following argument was not expected: {word}")
    if words[:1] != ["create"]:
        raise BadOption(f"A subcommand is required; the stand-in knows only create, not {words[:1]}")
    rc = _configuration(flags, values)
    root = Path(values["root-prefix"][0] if "root-prefix" in values else os.environ["MAMBA_ROOT_PREFIX"])
    if not Path(tempfile.gettempdir()).is_dir() or not Path(os.environ.get("TMPDIR", "/tmp")).is_dir():
        raise BadConfiguration("filesystem error: temp_directory_path: Not a directory")
    channels = values.get("channel", [])
    if "override-channels" not in flags:
        channels += [*rc.get("channels", []), "https://conda.anaconda.org/conda-forge"]
    return Options(
        root=root,
        prefix=Path(values["prefix"][0]),
        specs=words[1:],
        channels=[channel if "://" in channel else f"https://conda.anaconda.org/{channel}" for channel in channels],
        file=Path(values["file"][0]) if "file" in values else None,
        yes="yes" in flags,
        json="json" in flags or bool(os.environ.get("MAMBA_JSON")),
        quiet="quiet" in flags,
        dry_run="dry-run" in flags,
        verify=_verify(values, rc),
        rc=rc,
        platform=values.get("platform", [""])[0],
        ttl=int(values["repodata-ttl"][0]) if "repodata-ttl" in values else None,
    )


def _configuration(flags: set[str], values: dict[str, list[str]]) -> dict[str, Any]:
    named = values.get("rc-file", [""])[0]
    if "no-rc" in flags and (named or os.environ.get("CONDARC") or os.environ.get("MAMBARC")):
        raise BadConfiguration("Incompatible configuration: --no-rc and --rc-file")
    if "no-rc" in flags:
        return {}
    home = Path.home()
    places = [home / ".condarc", home / ".mambarc", home / ".conda" / ".condarc", home / ".config/conda/.condarc"]
    paths = [Path(named)] if named else places
    merged: dict[str, Any] = {}
    for path in paths:
        if path.is_file():
            merged.update(_read(path.read_text(encoding="utf-8")))
        elif named:
            raise BadConfiguration(f"Configuration file not found: {path}")
    return merged


def _read(text: str) -> dict[str, Any]:
    """Read JSON, which is YAML too, or the simplest YAML: keys with a value or a list."""
    if text.lstrip().startswith("{"):
        return dict(json.loads(text))
    values: dict[str, Any] = {}
    key = ""
    for line in text.splitlines():
        if match := re.match(r"\s+-\s+(.*)$|-\s+(.*)$", line):
            values.setdefault(key, []).append(match[1] or match[2])
        elif match := re.match(r"(\w+):\s*(.*)$", line):
            key = match[1]
            if match[2]:
                values[key] = match[2]
    if "pkgs_dirs" in values:
        values["pkgs_dirs"] = values["pkgs_dirs"][0]
    return values


def _verify(values: dict[str, list[str]], rc: dict[str, Any]) -> bool | str:
    # Not SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE or CONDA_SSL_VERIFY: they were seen to do nothing.
    wanted = (
        values.get("cacert-path", [""])[0]
        or os.environ.get("MAMBA_CACERT_PATH")
        or values.get("ssl-verify", [""])[0]
        or os.environ.get("MAMBA_SSL_VERIFY")
        or rc.get("ssl_verify", True)
    )
    if wanted in {"false", "<false>", False}:
        return False
    if wanted in {"true", "<system>", True}:
        return True
    if not Path(str(wanted)).is_file():
        raise BadConfiguration("ssl_verify does not contain a valid file path")
    return str(wanted)


def check_home() -> None:
    path = Path.home() / ".conda" / "environments.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        raise BadConfiguration(f"failed to open {path}") from error

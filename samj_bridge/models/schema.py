"""Checks the tables of a catalog and makes entries of them: all that is wrong with a file is told at once."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from samj_bridge.download import ALGORITHMS, WheelSource
from samj_bridge.errors import InputError
from samj_bridge.models.entry import ModelEntry, Recommendation
from samj_bridge.protocol.architectures import ARCHITECTURES, TRANSFORMS

__all__ = [
    "ALGORITHMS",
    "ARCHITECTURES",
    "PROMPTS",
    "TRANSFORMS",
    "entry_from_table",
    "problems_of_recommendations",
]

PROMPTS = ("box", "points", "negative", "mask")

ARCHIVES = ("zip", "tar.gz")

ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
"""What the id of a model looks like."""

_TEXTS = (
    "title", "family", "architecture", "transform", "licence", "licence_note", "url", "file_name", "file",
    "archive", "member", "decoder_url", "wrapped", "obtain", "good_for", "not_for", "citation", "homepage",
)  # fmt: skip
_LISTS = ("prompts", "mirrors", "hashes", "decoder_hashes")
_SIZES = ("size", "member_size")
_KNOWN = {*_TEXTS, *_LISTS, *_SIZES, "recommended"}
_REQUIRED = ("title", "family", "architecture", "transform", "prompts")


def entry_from_table(
    name: str, table: Any, folder: Path, origin: str, *, plain_http: bool
) -> tuple[ModelEntry | None, list[str]]:
    """Make an entry of one table.

    Parameters
    ----------
    name : str
        The model's id.
    table : mapping
        Its fields, as TOML or JSON gives them.
    folder : Path
        What a relative ``file`` starts from.
    origin : str
        Whose catalog it is.
    plain_http : bool
        Whether addresses may be plain http: only in a catalog of the user's own.

    Returns
    -------
    entry : ModelEntry or None
        None when something is wrong.
    problems : list of str
        Everything that is wrong, one sentence each, without the model's name.
    """
    if not isinstance(table, Mapping):
        return None, [f"is {table!r:.60}, not a table"]
    problems = [] if ID.fullmatch(name) else ["its id has other letters than a-z, 0-9, dot, dash and underscore"]
    problems += [f"does not know the field {key!r}" for key in sorted(set(table) - _KNOWN)]
    problems += [f"lacks the field {key!r}" for key in _REQUIRED if key not in table]
    problems += _kinds(table)
    if problems:
        return None, problems
    problems = _meaning(table, plain_http=plain_http)
    if problems:
        return None, problems
    values = dict(table)
    values.update({key: tuple(table[key]) for key in _LISTS if key in table})
    values["recommended"] = tuple(Recommendation(**item) for item in table.get("recommended", ()))
    if "file" in table:
        values["file"] = (folder / table["file"]).absolute()
    return ModelEntry(id=name, origin=origin, **values), []


def problems_of_recommendations(entries: Sequence[ModelEntry]) -> list[str]:
    """Return a sentence for each kind of image that more than one of these models is recommended for."""
    kinds: dict[str, list[str]] = {}
    for entry in entries:
        for item in entry.recommended:
            kinds.setdefault(item.image, []).append(entry.id)
    return [
        f"{', '.join(names)} are all recommended for {kind!r}: one must be"
        for kind, names in kinds.items()
        if len(names) > 1
    ]


def _kinds(table: Mapping[str, Any]) -> list[str]:
    """Check the kind of each value."""
    problems = [f"{key} is {table[key]!r:.60}, not a text" for key in _TEXTS if not _is_text(table.get(key, "x"))]
    for key in _LISTS:
        value = table.get(key, [])
        if not isinstance(value, (list, tuple)) or not all(_is_text(item) for item in value):
            problems.append(f"{key} is {value!r:.60}, not a list of texts")
    for key in _SIZES:
        value = table.get(key, 1)
        if type(value) is not int or value <= 0:
            problems.append(f"{key} is {value!r:.60}, not a number of bytes")
    recommended = table.get("recommended", [])
    if not isinstance(recommended, (list, tuple)):
        problems.append(f"recommended is {recommended!r:.60}, not a list of tables")
        return problems
    for item in recommended:
        good = isinstance(item, Mapping) and set(item) == {"image", "reason"} and all(map(_is_text, item.values()))
        if not good:
            problems.append(f"recommended holds {item!r:.80}, not a table with the texts image and reason")
    return problems


def _meaning(table: Mapping[str, Any], *, plain_http: bool) -> list[str]:
    """Check what the values say, once they are of the right kind."""
    return [*_network(table), *_source(table), *_addresses(table, plain_http=plain_http), *_hashes(table)]


def _network(table: Mapping[str, Any]) -> list[str]:
    problems = []
    family, architecture, transform = table["family"], table["architecture"], table["transform"]
    if architecture not in ARCHITECTURES:
        problems.append(f"its architecture {architecture!r} is none of {', '.join(ARCHITECTURES)}")
    elif ARCHITECTURES[architecture] != family:
        problems.append(f"{architecture!r} is of the family {ARCHITECTURES[architecture]!r}, not {family!r}")
    elif transform not in TRANSFORMS[family]:
        problems.append(f"its transform {transform!r} is none of {', '.join(TRANSFORMS[family])}")
    unknown = [kind for kind in table["prompts"] if kind not in PROMPTS]
    if unknown:
        problems.append(f"its prompts {', '.join(map(repr, unknown))} are none of {', '.join(PROMPTS)}")
    if not table["prompts"]:
        problems.append("takes no prompts")
    return problems


def _source(table: Mapping[str, Any]) -> list[str]:
    problems = []
    if sum(key in table for key in ("file", "url", "obtain")) != 1:
        problems.append("needs exactly one of url, file and obtain")
    if "mirrors" in table and "url" not in table:
        problems.append("has mirrors, but no url")
    if "archive" in table and table["archive"] not in ARCHIVES:
        problems.append(f"its archive {table['archive']!r} is none of {', '.join(ARCHIVES)}")
    if ("archive" in table) != ("member" in table):
        problems.append("needs both of archive and member, or none")
    if "decoder_url" in table and "url" not in table:
        problems.append("has a decoder_url, but no url")
    if "decoder_hashes" in table and "decoder_url" not in table:
        problems.append("has decoder_hashes, but no decoder_url")
    if "member_size" in table and "member" not in table:
        problems.append("has a member_size, but no member")
    return problems


def _addresses(table: Mapping[str, Any], *, plain_http: bool) -> list[str]:
    problems = []
    schemes = ("https", "http") if plain_http else ("https",)
    named = [table[key] for key in ("url", "decoder_url") if key in table]
    for address in [*named, *table.get("mirrors", ())]:
        if WheelSource.names(address) and address != table.get("decoder_url"):
            if not _is_wheel_source(address):
                problems.append(f"{address!r} is not of the form pypi:PROJECT==VERSION!/path/in/wheel#sha256=...")
            continue
        parts = urlsplit(address)
        if parts.scheme not in schemes or not parts.netloc:
            problems.append(f"{address!r} is no {' or '.join(schemes)} address")
    return problems


def _hashes(table: Mapping[str, Any]) -> list[str]:
    return [problem for key in ("hashes", "decoder_hashes") for problem in _hashes_in(table.get(key, ()))]


def _hashes_in(hashes: Sequence[str]) -> list[str]:
    problems = []
    kinds = [item.partition(":")[0] for item in hashes]
    for item in hashes:
        kind, _, digits = item.partition(":")
        if kind not in ALGORITHMS:
            problems.append(f"the hash {item!r} is of none of the kinds {', '.join(ALGORITHMS)}")
        elif not re.fullmatch(f"[0-9a-f]{{{ALGORITHMS[kind]}}}", digits):
            problems.append(f"the hash {item!r} does not have {ALGORITHMS[kind]} digits 0-9 and a-f")
    if len(set(kinds)) < len(kinds):
        problems.append("has two hashes of one kind")
    return problems


def _is_wheel_source(address: str) -> bool:
    try:
        WheelSource.parse(address)
    except InputError:
        return False
    return True


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())

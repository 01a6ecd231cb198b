"""Prompts in JSON: our own lists, and GeoJSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from samj_bridge.cli.read_prompts.found import FoundPrompts
from samj_bridge.cli.read_prompts.from_geojson import features_of, read_features
from samj_bridge.errors import PromptError
from samj_bridge.session import Prompt

__all__ = ["read_json"]

_KEYS = {"box", "points", "negative", "name", "position"}
_TOP = {"images", "prompts"}


def read_json(path: Path) -> FoundPrompts:
    """Return the prompts of a JSON file; see `read_prompts`."""
    content = _content(path)
    features = features_of(content)
    if features is not None:
        return read_features(features, path.name)
    if not isinstance(content, dict):
        return FoundPrompts({None: _prompts(content, path.name)})
    others = sorted(key for key, value in content.items() if key not in _TOP and isinstance(value, dict | list))
    if others or not _TOP & set(content):
        message = f"{path.name}: neither prompts nor images, but {', '.join(others or content) or 'nothing'}."
        raise PromptError(message, hint='Give {"prompts": [...]}, or {"images": {"cells.tif": [...]}}.')
    prompts: dict[str | None, list[Prompt]] = {}
    images = content.get("images", {})
    if not isinstance(images, dict):
        message = f"{path.name}: images is {images!r:.60}, not a list of prompts for each name."
        raise PromptError(message, hint='Give {"images": {"cells.tif": [{"box": [10, 20, 60, 80]}]}}.')
    for name, entries in images.items():
        prompts[name] = _prompts(entries, f"{path.name}, {name}")
    if "prompts" in content:
        prompts[None] = _prompts(content["prompts"], path.name)
    return FoundPrompts(prompts)


def _content(path: Path) -> Any:
    data = path.read_bytes()
    text = data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            message = f"{path.name}: {twice!r} stands there twice."
            raise PromptError(message, hint="Put both under one key.")
        return found

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        message = f"{path.name} is not valid JSON: line {error.lineno}, {error.msg}."
        hint = "JSON has no comments and no comma after the last entry; texts stand in double quotes."
        raise PromptError(message, hint=hint) from error
    except PromptError:
        raise
    except ValueError as error:
        message = f"{path.name} can't be read: {error}."
        raise PromptError(message) from error
    except RecursionError as error:
        message = f"{path.name} is nested too deeply."
        raise PromptError(message) from error


def _prompts(entries: Any, where: str) -> list[Prompt]:
    if not isinstance(entries, list):
        message = f"{where}: a list of prompts was expected."
        raise PromptError(message, hint='For example [{"box": [10, 20, 60, 80]}, {"points": [[30, 40]]}].')
    prompts = []
    for number, entry in enumerate(entries, start=1):
        if not isinstance(entry, dict) or not entry or set(entry) - _KEYS:
            message = f"{where}, prompt {number}: {entry!r:.200} is no prompt."
            raise PromptError(message, hint=f"A prompt has some of {', '.join(sorted(_KEYS))} and nothing else.")
        try:
            prompts.append(Prompt(**_fields(entry)))
        except PromptError as error:
            message = f"{where}, prompt {number}: {error.message}"
            raise PromptError(message, hint=error.hint) from error
    return prompts


def _fields(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a prompt's fields; what is null is not there, as pandas and R write it."""
    fields = {key: value for key, value in entry.items() if value is not None}
    name = fields.get("name", "")
    if isinstance(name, bool) or not isinstance(name, str | int | float):
        message = f"its name is {name!r:.60}, which is no text."
        raise PromptError(message, hint='Give a name in double quotes: "name": "left".')
    if isinstance(name, float) and name.is_integer():
        name = int(name)
    if name != "":
        fields["name"] = str(name)
    return fields

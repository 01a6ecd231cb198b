"""Objects as the page sends them, checked, and as regions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from samj_bridge.errors import InputError, SamjError
from samj_bridge.geometry.region import Region
from samj_bridge.server.fields import listed, number, text, whole

__all__ = ["checked_change", "regions_of"]

_ID = re.compile(r"[0-9A-Za-z_-]{8,64}")
_MOST_TEXT = 200
_MOST_CLASSES = 200
_MOST_PROMPT = 10_000


def checked_change(change: Any, shape: tuple[int, int]) -> dict[str, Any]:
    """Return a change with what belongs into it and nothing else.

    Raises
    ------
    InputError
        It is no change.
    """
    if isinstance(change, dict):
        if isinstance(change.get("put"), dict):
            return {"put": _checked_object(change["put"], shape)}
        if "drop" in change:
            return {"drop": _id(change["drop"])}
        if "classes" in change:
            names = listed(change, "classes")
            if len(names) > _MOST_CLASSES or not all(isinstance(name, str) for name in names):
                raise _wrong("has classes that are no list of names")
            return {"classes": [name[:_MOST_TEXT] for name in dict.fromkeys(names) if name.strip()]}
    words = f"is {change!r:.60}"
    raise _wrong(words)


def regions_of(
    objects: Sequence[Mapping[str, Any]], classes: Sequence[str], shape: tuple[int, int]
) -> list[Region]:
    """Return objects of a work as regions, for files."""
    groups = {name: index for index, name in enumerate(classes, 1)}
    return [
        Region(
            _rings(item["rings"]),
            shape=shape,
            score=item.get("score"),
            prompt=item.get("prompt"),
            name=item.get("name", ""),
            model=item.get("model", ""),
            class_name=item.get("class", ""),
            group=min(groups.get(item.get("class", ""), 0), 255),
        )
        for item in objects
    ]


def _checked_object(item: Mapping[str, Any], shape: tuple[int, int]) -> dict[str, Any]:
    try:
        region = Region(_rings(listed(item, "rings")), shape=shape)
    except (TypeError, ValueError, OverflowError, SamjError) as error:
        words = f"has an outline that can't be used: {str(error)[:80]}"
        raise _wrong(words) from error
    x0, y0, x1, y1 = region.bbox_xyxy
    if region.is_empty or x0 < 0 or y0 < 0 or x1 > shape[1] or y1 > shape[0]:
        raise _wrong("has an outline that is empty or not within the image")
    prompt = item.get("prompt")
    if prompt is not None and (not isinstance(prompt, dict) or len(str(prompt)) > _MOST_PROMPT):
        raise _wrong("has a prompt that is none")
    return {
        "id": _id(item.get("id")),
        "number": max(0, whole(item, "number", 0)),
        "rings": [ring.tolist() for ring in region.rings],
        "area": region.area,
        "score": number(item, "score", 0.0) if item.get("score") is not None else None,
        "model": text(item, "model", "")[:_MOST_TEXT],
        "name": text(item, "name", "")[:_MOST_TEXT],
        "class": text(item, "class", "")[:_MOST_TEXT],
        "prompt": prompt,
    }


def _rings(found: Any) -> tuple[Any, ...]:
    return tuple(np.asarray(ring, np.int32).reshape(-1, 2) for ring in found)


def _id(found: Any) -> str:
    if not isinstance(found, str) or not _ID.fullmatch(found):
        words = f"has the id {found!r:.80}"
        raise _wrong(words)
    return found


def _wrong(words: str) -> InputError:
    hint = 'Send {"put": object}, {"drop": id} or {"classes": [name, ...]}.'
    return InputError(f"A change {words}.", code="bad-change", hint=hint)

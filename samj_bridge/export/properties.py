r"""ROI properties: the ``key: value`` lines that ImageJ keeps with a ROI.

ImageJ reads them with Java's ``Properties.load``, byte by byte as Latin-1: whatever is not plain ASCII must be
written as Java's ``\uXXXX``, and a backslash as two.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from samj_bridge.geometry.region import Region

__all__ = ["fields_of", "properties_of", "read_properties", "write_properties"]

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_FIELDS = {"class": "class_name"}
"""Fields that have another name than their property."""
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def properties_of(region: Region) -> dict[str, str]:
    """Return what a region knows about itself as keys and text; unknown things are left out."""
    properties = {}
    if region.score is not None and math.isfinite(region.score):
        properties["score"] = repr(float(region.score))
    if region.model:
        properties["model"] = region.model
    if region.prompt is not None:
        properties["prompt"] = json.dumps(dict(region.prompt), default=_plain)
    properties["prompt_index"] = str(region.prompt_index)
    properties["candidate"] = str(region.candidate)
    if region.shape is not None:
        properties["shape"] = f"{region.shape[0]} {region.shape[1]}"
    if region.class_name:
        properties["class"] = region.class_name
    return properties


def fields_of(properties: Mapping[str, str]) -> dict[str, Any]:
    """Return a region's fields from its properties; what is missing or was spoilt by hand is left out."""
    readers: dict[str, Callable[[str], Any]] = {
        "score": float,
        "model": str,
        "prompt": json.loads,
        "prompt_index": int,
        "candidate": int,
        "shape": _read_shape,
        "class": str,
    }
    fields = {}
    for key, reader in readers.items():
        try:
            fields[_FIELDS.get(key, key)] = reader(properties[key])
        except (KeyError, ValueError):
            continue
    return fields


def write_properties(region: Region) -> str:
    """Return a region's properties as ImageJ stores them."""
    return "".join(f"{key}: {_escape(value)}\n" for key, value in properties_of(region).items())


def read_properties(text: str) -> dict[str, str]:
    """Return the properties that ImageJ stores as `text`."""
    pairs = (re.split(r"\s*[:=]\s*", line, maxsplit=1) for line in text.splitlines())
    return {pair[0].strip(): _unescape(pair[1]) for pair in pairs if len(pair) == 2}


def _escape(value: str) -> str:
    pieces = []
    for unit in _utf16_units(value):
        letter = chr(unit)
        if letter == "\\":
            pieces.append("\\\\")
        elif 32 <= unit < 127:
            pieces.append(letter)
        else:
            pieces.append(f"\\u{unit:04x}")
    return "".join(pieces)


def _unescape(value: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code[1:], 16)) if len(code) == 5 else _CONTROLS.get(code, code)

    # Letters beyond 16 bits come as two escapes: a round trip through UTF-16 joins them.
    return _ESCAPE.sub(one, value).encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _utf16_units(text: str) -> list[int]:
    data = text.encode("utf-16-be", "surrogatepass")
    return [high << 8 | low for high, low in zip(data[0::2], data[1::2], strict=True)]


def _plain(value: Any) -> Any:
    """Return a numpy number or array as JSON can hold it, anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _read_shape(text: str) -> tuple[int, int]:
    height, width = (int(size) for size in text.split())
    if height < 0 or width < 0:
        raise ValueError(text)
    return height, width

r"""ROI properties: the ``key: value`` lines that ImageJ keeps with a ROI.

ImageJ reads them with Java's ``Properties.load``, byte by byte as Latin-1: whatever is not plain ASCII must be
written as Java's ``\uXXXX``, and a backslash as two. But it writes them back as they are, without escapes, so
that what it reads the next time is another text. Therefore

* texts within the prompt, which is JSON, are written in percent encoding where they have quotes, backslashes or
letters
  beyond ASCII: it has nothing that could change on the way, however often ImageJ opens and saves the file;
* lines that ImageJ wrote, known by their order, which is that of the alphabet, are taken as they are; letters
that it
  read as Latin-1 are mended.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, unquote

from samj_bridge.geometry.region import Region

__all__ = ["fields_of", "properties_of", "read_properties", "write_properties"]

_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_FIELDS = {"class": "class_name"}
"""Fields that have another name than their property."""
_QUOTED = "percent"
"""Key that a prompt has whose texts are percent encoded."""
_SAFE = " !#$&'()*+,-./:;<=>?@[]^_`{|}~"
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}


def properties_of(region: Region) -> dict[str, str]:
    """Return what a region knows about itself as keys and text; unknown things are left out."""
    properties = {}
    if region.score is not None and math.isfinite(region.score):
        properties["score"] = repr(float(region.score))
    if region.model:
        properties["model"] = region.model
    if region.prompt is not None:
        properties["prompt"] = json.dumps(_quoted(dict(region.prompt)), default=_plain)
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
        "prompt": _read_prompt,
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
    """Return the properties that ImageJ stores as `text`, or gives as ``roi.getProperties()``."""
    pairs = [re.split(r"\s*[:=]\s*", line, maxsplit=1) for line in text.splitlines()]
    pairs = [[pair[0].strip(), pair[1]] for pair in pairs if len(pair) == 2]
    keys = [key for key, _ in pairs]
    # Ours are never in the order of the alphabet: see `properties_of`.
    by_imagej = keys == sorted(keys)
    return {key: _mended(value) if by_imagej else _unescape(value) for key, value in pairs}


def _mended(value: str) -> str:
    """Return a text that ImageJ wrote: letters that it had read byte by byte are put together again."""
    try:
        while not value.isascii():
            value = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        pass
    return value


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


def _quoted(prompt: dict[str, Any]) -> dict[str, Any]:
    """Return a prompt whose texts are percent encoded, with a mark; as it is where nothing needs it."""
    if not any(_needs_quotes(value) for value in prompt.values()):
        return prompt
    texts = {key: _quote(value) for key, value in prompt.items() if isinstance(value, str)}
    return {**prompt, **texts, _QUOTED: True}


def _needs_quotes(value: Any) -> bool:
    return isinstance(value, str) and _quote(value, "%") != value


def _read_prompt(text: str) -> Any:
    prompt = json.loads(text)
    if not (isinstance(prompt, dict) and prompt.pop(_QUOTED, False)):
        return prompt
    texts = {key: unquote(value, errors="surrogatepass") for key, value in prompt.items() if isinstance(value, str)}
    return {**prompt, **texts}


def _quote(text: str, safe: str = "") -> str:
    return quote(text, safe=_SAFE + safe, errors="surrogatepass")


def _plain(value: Any) -> Any:
    """Return a numpy number or array as JSON can hold it, anything else as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _read_shape(text: str) -> tuple[int, int]:
    height, width = (int(size) for size in text.split())
    if height < 0 or width < 0:
        raise ValueError(text)
    return height, width

"""Files of models to serve, and catalogs that name them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fakes.file_server import Content, FileServer

from samj_bridge.download import Digests
from samj_bridge.models import find_model, weights_file


class FileContent(Content):
    """A real file, served like the made ones."""

    def __init__(self, path: Path, seed: int = 0) -> None:
        super().__init__(path.stat().st_size, seed)
        object.__setattr__(self, "path", path)

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        with self.path.open("rb") as file:  # type: ignore[attr-defined]
            file.seek(start)
            while block := file.read(1 << 20):
                yield block


def table(url: str = "", data: bytes = b"", **fields: Any) -> dict[str, Any]:
    """Return the table of a model of the starter's architecture whose file is `data`."""
    found: dict[str, Any] = {
        "title": "A model for tests",
        "family": "starter",
        "architecture": "starter-1",
        "transform": "starter",
        "prompts": ["box", "points"],
        "licence": "MIT",
        "size": len(data),
        "hashes": [f"sha256:{Digests.of(data).sha256}"],
        **({"url": url} if url else {"obtain": "Ask for it."}),
    }
    if not data:
        del found["size"], found["hashes"]
    return {key: value for key, value in {**found, **fields}.items() if value is not None}


def write_catalog(path: Path, **models: dict[str, Any]) -> Path:
    """Write a catalog; ``_`` in a name stands for ``-``. JSON's texts, lists and numbers are TOML's too."""
    lines = []
    for name, fields in models.items():
        lines.append(f"[{name.replace('_', '-')}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def offer(server: FileServer, path: str, content: Content) -> str:
    """Serve a file; returns its address."""
    server.files[path] = content
    return f"{server.url}{path}"


def other_weights(path: Path, number: int) -> Path:
    """Write the starter's weights as another file: more space after the header of a safetensors file is nothing."""
    data = weights_file(find_model("starter")).read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length] + b" " * 8 * (number + 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    return path

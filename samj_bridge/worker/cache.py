"""Encodings kept for later prompts: the least recently used go first when a byte budget is full.

The tiles of one image never drive out all others: as long as they take more than half of the budget, they go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from samj_bridge.protocol.eviction import first_to_go
from samj_bridge.protocol.messages import EncodeReply
from samj_bridge.worker.families.base import Model

__all__ = ["Encodings", "Entry", "size_of"]


@dataclass(frozen=True)
class Entry:
    """An encoded image."""

    reply: EncodeReply
    """What the client was told."""
    model: Model
    """The network that encoded it and decodes its prompts."""
    encoding: Any
    """The network's own data."""
    size: int
    """Bytes it takes."""
    content: str = ""
    """Name of what was encoded: the pixels, how they are shown, the network."""
    device: str = "cpu"
    """Where the network is."""
    group: str = ""
    """The image that it is a tile of; empty: an image of its own."""
    plane: bool = False
    """Whether it is a plane of a stack, for objects that are followed."""


class Encodings:
    """Entries by identifier, in the order of their last use."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.bytes = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, name: str) -> Entry | None:
        """Return an entry, which is now the most recently used."""
        entry = self._entries.get(name)
        if entry is not None:
            self._entries.move_to_end(name)
        return entry

    def find_content(self, content: str) -> Entry | None:
        """Return an entry of the same content, whatever its identifier."""
        return next((entry for entry in self._entries.values() if entry.content == content != ""), None)

    def add(self, entry: Entry) -> None:
        """Keep an entry; others go until the budget holds. The newest always stays, even alone above it."""
        self.remove(entry.reply.encoding)
        self._entries[entry.reply.encoding] = entry
        self.bytes += entry.size
        self._fit()

    def weigh(self, name: str) -> None:
        """Measure an entry again: some networks add to an encoding when a prompt first needs it."""
        entry = self._entries.get(name)
        if entry is not None and entry.size != size_of(entry.encoding):
            self.add(replace(entry, size=size_of(entry.encoding)))

    def _fit(self) -> None:
        while self.bytes > self.budget and len(self._entries) > 1:
            sizes = [(name, entry.group, entry.size) for name, entry in self._entries.items()]
            # The newest, at the end, is the one that room is made for.
            self.remove(first_to_go(sizes[:-1], self.budget, of=sizes))

    def remove_group(self, group: str) -> None:
        """Forget all tiles of an image."""
        for name in [name for name, entry in self._entries.items() if group and entry.group == group]:
            self.remove(name)

    def remove(self, name: str) -> bool:
        """Forget an entry; returns whether it was there."""
        entry = self._entries.pop(name, None)
        if entry is not None:
            self.bytes -= entry.size
        return entry is not None


def size_of(value: Any) -> int:
    """Return the bytes of all tensors and arrays inside a value."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if is_dataclass(value):
        return sum(size_of(getattr(value, item.name)) for item in fields(value))
    if isinstance(value, Mapping):
        return sum(map(size_of, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(size_of, value))
    return 0

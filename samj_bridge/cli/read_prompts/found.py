"""The prompts of a file, and what was left out of it."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from samj_bridge.session import Prompt

__all__ = ["FoundPrompts"]


class FoundPrompts(dict[str | None, list[Prompt]]):
    """Prompts by the image's file name; None: they hold for every image."""

    def __init__(
        self, prompts: Mapping[str | None, Sequence[Prompt]] | None = None, notes: Iterable[str] = ()
    ) -> None:
        super().__init__({key: list(value) for key, value in (prompts or {}).items()})
        self.notes: list[str] = list(notes)
        """What was left out of the file, in words."""

    def of(self, image: str) -> list[Prompt]:
        """Return the prompts for an image: those under its name, then those for every image.

        A name counts as the same however its accents are put together: as macOS does it, or as all others do.
        """
        name = unicodedata.normalize("NFC", image)
        own = [self[key] for key in self if key is not None and unicodedata.normalize("NFC", key) == name]
        return [prompt for some in (*own, self.get(None, [])) for prompt in some]

    def strangers(self, images: Iterable[str]) -> list[str]:
        """Return the names that belong to none of the images."""
        there = {unicodedata.normalize("NFC", image) for image in images}
        return sorted(key for key in self if key is not None and unicodedata.normalize("NFC", key) not in there)

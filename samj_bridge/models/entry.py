"""What is known of a model: one table of a catalog."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

__all__ = ["ON_ANSWERS", "OPEN_LICENCES", "ModelEntry", "Recommendation"]

ON_ANSWERS = ("negative", "mask")
"""Kinds of prompt that every model takes: where a network can't be told, its answers are chosen and cut by them."""

OPEN_LICENCES = frozenset(
    {
        "Apache-2.0",
        "MIT",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC-BY-4.0",
        "CC-BY-SA-4.0",
        "CC0-1.0",
        "ISC",
        "Unlicense",
    }
)
"""Licences that leave users free to do research and business; any other one is shown, and asked for, first."""


@dataclass(frozen=True)
class Recommendation:
    """That a model is the one to start with for a kind of image."""

    image: str
    """The kind of image, in a few words."""
    reason: str
    """Why this model, with figures where there are any."""


@dataclass(frozen=True)
class ModelEntry:
    """One model. The fields up to `homepage` are those of a table in ``catalog.toml``."""

    id: str
    """Name that users and programs give: ``sam-vit-b``."""
    title: str
    """What it is, in a line."""
    family: str
    """Name in the worker's table of families."""
    architecture: str
    """Which network of the family."""
    transform: str
    """How an image becomes the network's input."""
    prompts: tuple[str, ...]
    """Prompts that it takes: ``box``, ``points``, ``negative``, ``mask``."""
    licence: str = ""
    """Licence of the weights: an SPDX identifier or words; empty: unknown."""
    file: Path | None = None
    """Weights that are there already (in the package): absolute; None: they must be installed."""
    licence_note: str = ""
    """Where the licence is stated, or where an unknown one may be read."""
    url: str = ""
    """Where the publisher offers the file; empty: nowhere, see `obtain`."""
    mirrors: tuple[str, ...] = ()
    """Other addresses of the same bytes; ``pypi:PROJECT==VERSION!/path/in/wheel#sha256=...`` is one in a wheel."""
    file_name: str = ""
    """Name of the offered file, where the address does not end in it."""
    size: int | None = None
    """Bytes of the offered file; None: unknown."""
    hashes: tuple[str, ...] = ()
    """What the offered file must hash to, ``algorithm:hex`` each: sha256, md5, sha1, xxh128, git-blob."""
    archive: str = ""
    """``zip`` or ``tar.gz`` when the offered file is an archive that holds the checkpoint."""
    member: str = ""
    """Name of the checkpoint in the archive, folders left out."""
    member_size: int | None = None
    """Bytes of the checkpoint in the archive; None: unknown."""
    decoder_url: str = ""
    """Where a second file is offered, with micro-sam's decoder for automatic segmentation; empty: there is none."""
    decoder_hashes: tuple[str, ...] = ()
    """What the second file must hash to."""
    wrapped: str = ""
    """Key under which the checkpoint holds its weights; found without it too."""
    obtain: str = ""
    """How a person gets the file, where no program can."""
    good_for: str = ""
    """What it is good for."""
    not_for: str = ""
    """What it is not good for."""
    recommended: tuple[Recommendation, ...] = ()
    """Kinds of image for which it is the one to start with."""
    citation: str = ""
    """The paper to cite."""
    homepage: str = ""
    """Page of the project that made it."""
    origin: str = "samj-bridge"
    """Whose table it is: ``samj-bridge``, the path of a user's catalog, or ``user`` for an imported file."""

    @property
    def asks_licence(self) -> bool:
        """Whether the licence must be accepted before an installation: it is non-commercial, unusual or unknown."""
        return self.file is None and self.licence not in OPEN_LICENCES

    @property
    def licence_text(self) -> str:
        """The licence in words, also where it is unknown."""
        if self.licence:
            return self.licence
        return f"unknown ({self.licence_note})" if self.licence_note else "unknown"

    @property
    def on_answers(self) -> tuple[str, ...]:
        """Prompts that the network can't be told, done on its answers instead: see docs/reference/prompts.md."""
        return tuple(kind for kind in ON_ANSWERS if kind not in self.prompts)

    @property
    def prompts_text(self) -> str:
        """Prompts that it takes in words, with those that the engine does on its answers."""
        told = ", ".join(self.prompts)
        return f"{told}; on its answers: {', '.join(self.on_answers)}" if self.on_answers else told

    @property
    def offered_name(self) -> str:
        """File name of what is offered: the last part of its address."""
        return self.file_name or unquote(PurePosixPath(urlsplit(self.url).path).name)

    @property
    def is_packaged(self) -> bool:
        """Whether its weights are there without being installed."""
        return self.file is not None

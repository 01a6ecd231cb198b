"""Recognises the architecture of a checkpoint from the names and shapes of its weights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from samj_bridge.protocol.failures import OperationFailed
from samj_bridge.worker.checkpoints.kinds import bad_checkpoint

__all__ = ["KNOWN_EXTRAS", "Match", "Shapes", "compare", "recognise"]

Shapes = Mapping[str, tuple[int, ...]]
"""Shape of each weight by its name."""

_BUFFERS = (r"pixel_mean", r"pixel_std")
KNOWN_EXTRAS: dict[str, tuple[str, ...]] = {
    "starter": (),
    "sam": (*_BUFFERS, r"image_encoder\.layers\.\d+\.blocks\.\d+\.attn\.(attention_bias_idxs|ab)"),
    "efficient-sam": _BUFFERS,
    # What SAM 2 needs for videos only.
    "sam2": (
        *_BUFFERS,
        r"(memory_attention|memory_encoder|mask_downsample|obj_ptr_proj|obj_ptr_tpos_proj)\..*",
        r"maskmem_tpos_enc|no_mem_embed|no_mem_pos_enc|no_obj_ptr|no_obj_embed_spatial",
    ),
    "efficientvit-sam": _BUFFERS,
    "lite-medsam": (*_BUFFERS, r"image_encoder\.layers\.\d+\.blocks\.\d+\.attn\.(attention_bias_idxs|ab)"),
}
"""Names that published checkpoints of a family have and its network here does not need, as regular expressions."""

_OF_DECODER = {"deconv1.block.1.block.weight", "decoder_head.block.1.weight", "out_conv.weight"}
"""Weights of micro-sam's decoder."""
_NEAR = 0.3
_SHOWN = 3


@dataclass(frozen=True)
class Match:
    """How well a checkpoint fits an architecture."""

    architecture: str
    wanted: int
    """Weights that the network has."""
    missing: tuple[str, ...]
    """Weights that the file lacks."""
    unexpected: tuple[str, ...]
    """Weights that the network doesn't have."""
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    """Name, shape in the file, shape in the network."""
    extras: tuple[str, ...]
    """Weights that the network doesn't need, as is known of such files."""

    @property
    def fits(self) -> bool:
        """Whether the file is a checkpoint of this architecture."""
        return not (self.missing or self.unexpected or self.misshapen)

    @property
    def share(self) -> float:
        """Part of the network's weights that the file has, with their shapes."""
        return 1 - (len(self.missing) + len(self.misshapen)) / max(self.wanted, 1)

    def explain(self) -> str:
        """Say what is missing, unknown, or of another shape."""
        parts = []
        if self.missing:
            parts.append(f"{len(self.missing)} of its {self.wanted} weights are missing ({_some(self.missing)})")
        if self.misshapen:
            name, found, wanted = self.misshapen[0]
            parts.append(
                f"{len(self.misshapen)} have another shape ({name}: {_by(found)} instead of {_by(wanted)})"
            )
        if self.unexpected:
            parts.append(f"{len(self.unexpected)} are unknown ({_some(self.unexpected)})")
        return "; ".join(parts)


def compare(found: Shapes, architecture: str, wanted: Shapes, family: str) -> Match:
    """Compare a checkpoint with an architecture."""
    known = [re.compile(pattern) for pattern in KNOWN_EXTRAS.get(family, ())]
    others = [name for name in found if name not in wanted]
    extras = tuple(name for name in others if any(pattern.fullmatch(name) for pattern in known))
    return Match(
        architecture,
        len(wanted),
        tuple(name for name in wanted if name not in found),
        tuple(name for name in others if name not in extras),
        tuple(
            (name, tuple(found[name]), tuple(shape))
            for name, shape in wanted.items()
            if name in found and tuple(found[name]) != tuple(shape)
        ),
        extras,
    )


def recognise(
    found: Shapes,
    architectures: Mapping[str, str],
    shapes_of: Callable[[str], Shapes],
    expected: str = "",
) -> Match:
    """Find the architecture that a checkpoint is of.

    Parameters
    ----------
    found : mapping
        Shapes of the checkpoint's weights by their names.
    architectures : mapping
        Family of each architecture.
    shapes_of : callable
        Returns the shapes of an architecture's weights; called for as few as possible.
    expected : str
        The architecture that it should be; empty: any.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``: it is another architecture than expected, or none that is known; the sentence says what
        is missing, unknown, or of another shape.
    """
    order = [expected, *(name for name in architectures if name != expected)] if expected else list(architectures)
    matches = []
    for name in order:
        match = compare(found, name, shapes_of(name), architectures[name])
        matches.append(match)
        if match.fits:
            break
    best = max(matches, key=lambda match: (match.fits, match.share))
    if best.fits and expected in ("", best.architecture):
        return best
    raise _explain(best, matches[0] if expected else None, found, architectures)


def _explain(best: Match, wanted: Match | None, found: Shapes, known: Iterable[str]) -> OperationFailed:
    names = list(found)
    if best.fits and wanted is not None:
        message = f"The checkpoint is a {best.architecture}, not a {wanted.architecture}."
        hint = "Take the right model's file, or give this one a name of its own: samj-bridge models import FILE"
        return bad_checkpoint("other-architecture", message, hint, architecture=best.architecture)
    if any(name.startswith("vision_encoder.") for name in names):
        message = "The checkpoint has the names of the transformers library, which are not its publisher's."
        return bad_checkpoint("other-names", message, "Take the publisher's own file (.pt or .pth).")
    if found.keys() >= _OF_DECODER:
        message = "The checkpoint is the decoder of a micro-sam model alone; it needs the model's network, too."
        hint = "Take micro-sam's export with both, or the model's own file."
        return bad_checkpoint("decoder-alone", message, hint)
    nearest = wanted if wanted is not None and wanted.share >= _NEAR else best
    if nearest.share >= _NEAR:
        message = f"The checkpoint is almost a {nearest.architecture}, but not one: {nearest.explain()}."
        hint = "It may be cut down, changed, or of another version: take the publisher's file."
        return bad_checkpoint(
            "other-architecture",
            message,
            hint,
            nearest=nearest.architecture,
            missing=list(nearest.missing[:50]),
            unexpected=list(nearest.unexpected[:50]),
        )
    asked = f"not a {wanted.architecture}, nor any other" if wanted is not None else "none"
    message = (
        f"The checkpoint is {asked} of the known architectures; its {len(names)} weights begin with {_some(names)}."
    )
    hint = f"Known are {', '.join(known)}."
    return bad_checkpoint("other-architecture", message, hint, unexpected=names[:50])


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:_SHOWN]) + (", ..." if len(listed) > _SHOWN else "")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a number"

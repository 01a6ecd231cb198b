"""Prompts from the image to a tile, and regions from a tile to the image, as messages and regions."""

from __future__ import annotations

from dataclasses import replace

from samj_bridge.geometry.region import Region
from samj_bridge.geometry.tile_prompts import bounds_of, outline_in_image, prompt_on_tile
from samj_bridge.geometry.tiling import Box, Tile, Tiling
from samj_bridge.protocol.segment import PromptMessage

__all__ = ["box_of", "message_on", "region_in_image"]


def box_of(prompt: PromptMessage) -> Box:
    """Return the bounding box of what a prompt says of its object."""
    return bounds_of(prompt.box, prompt.points, prompt.mask_rings)


def message_on(tiling: Tiling, tile: Tile, prompt: PromptMessage) -> PromptMessage:
    """Return a prompt in the pixels in which answers on a tile are drawn."""
    parts = prompt_on_tile(tiling, tile, prompt.box, prompt.points, prompt.negative, prompt.mask_rings)
    return PromptMessage(*parts)


def region_in_image(tiling: Tiling, tile: Tile, region: Region, index: int) -> Region:
    """Return a region that was answered on a tile, in the pixels of the image; `index` is its prompt's."""
    rings = outline_in_image(tiling, tile, region.rings)
    return replace(region, rings=rings, shape=tiling.image_hw, prompt_index=index)

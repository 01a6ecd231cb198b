"""Image files: what is in them, and one plane of one, as ImageJ shows it."""

from samj_bridge.reading.choosing import Wish, choose_series
from samj_bridge.reading.description import Chosen, Description, PixelSize, Series, Taken
from samj_bridge.reading.image import describe_image, open_plane, open_pyramid, read_image, take
from samj_bridge.reading.inspecting import SeriesDetails, inspect_image
from samj_bridge.reading.kinds import SUFFIXES, find_images
from samj_bridge.reading.opened import OpenedImage
from samj_bridge.reading.sets import once_per_image

__all__ = [
    "SUFFIXES",
    "Chosen",
    "Description",
    "OpenedImage",
    "PixelSize",
    "Series",
    "SeriesDetails",
    "Taken",
    "Wish",
    "choose_series",
    "describe_image",
    "find_images",
    "inspect_image",
    "once_per_image",
    "open_plane",
    "open_pyramid",
    "read_image",
    "take",
]

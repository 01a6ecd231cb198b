"""ImageJ and Fiji: the only package that speaks to Java. Importing it starts nothing and loads no Java.

`start_imagej` first; then images go to numpy or shared memory (`images`) and regions become ROIs (`rois`).
`open_window` opens ImageJ with the tool for people; `attach` puts it into an ImageJ that runs (`tool`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from samj_bridge.fiji.images import copy_pixels, display_ranges, open_image, pixels_of, plane_spec
    from samj_bridge.fiji.jar import find_jar, install_jar, prepare, remove_jar
    from samj_bridge.fiji.java import Java, find_java
    from samj_bridge.fiji.jvm import ImageJ, java_class, java_thread, start_imagej
    from samj_bridge.fiji.rois import count_mismatches, from_roi, read_zip_in_imagej, roi_mask, to_roi
    from samj_bridge.fiji.tool import attach, detach, open_window, wait_until_closed

__all__ = [
    "ImageJ",
    "Java",
    "attach",
    "copy_pixels",
    "count_mismatches",
    "detach",
    "display_ranges",
    "find_jar",
    "find_java",
    "from_roi",
    "install_jar",
    "java_class",
    "java_thread",
    "open_image",
    "open_window",
    "pixels_of",
    "plane_spec",
    "prepare",
    "read_zip_in_imagej",
    "remove_jar",
    "roi_mask",
    "start_imagej",
    "to_roi",
    "wait_until_closed",
]

_HOMES = {
    "images": ("copy_pixels", "display_ranges", "open_image", "pixels_of", "plane_spec"),
    "java": ("Java", "find_java"),
    "jvm": ("ImageJ", "java_class", "java_thread", "start_imagej"),
    "jar": ("find_jar", "install_jar", "prepare", "remove_jar"),
    "tool": ("attach", "detach", "open_window", "wait_until_closed"),
    "rois": ("count_mismatches", "from_roi", "read_zip_in_imagej", "roi_mask", "to_roi"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"samj_bridge.fiji.{module}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)

"""samj-bridge: Segment-Anything-class models in Fiji.

This module is a shop window: public names are looked up when they are first used, so that
``import samj_bridge`` loads neither numpy nor a JVM, and the worker, which ships with this very file,
never loads the host.

Examples
--------
>>> from samj_bridge import Prompt
>>> Prompt(box=(40, 30, 92, 85)).box
(40.0, 30.0, 92.0, 85.0)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from samj_bridge.version import __version__

if TYPE_CHECKING:
    from samj_bridge.errors import SamjError
    from samj_bridge.export import write_labels, write_rois
    from samj_bridge.export.imagej_zip import read_rois
    from samj_bridge.geometry.region import Region
    from samj_bridge.progress import CancelToken, ProgressEvent
    from samj_bridge.reading import describe_image, open_pyramid, read_image
    from samj_bridge.segmenting.folder import segment_folder
    from samj_bridge.session import Prompt, Scene, Session, Wanted
    from samj_bridge.settings import Settings

_PUBLIC = {
    "CancelToken": "samj_bridge.progress",
    "ProgressEvent": "samj_bridge.progress",
    "Prompt": "samj_bridge.session",
    "Region": "samj_bridge.geometry.region",
    "SamjError": "samj_bridge.errors",
    "Scene": "samj_bridge.session",
    "Session": "samj_bridge.session",
    "Settings": "samj_bridge.settings",
    "Wanted": "samj_bridge.session",
    "describe_image": "samj_bridge.reading",
    "open_pyramid": "samj_bridge.reading",
    "read_image": "samj_bridge.reading",
    "read_rois": "samj_bridge.export.imagej_zip",
    "segment_folder": "samj_bridge.segmenting.folder",
    "write_labels": "samj_bridge.export",
    "write_rois": "samj_bridge.export",
}

__all__ = [
    "CancelToken",
    "ProgressEvent",
    "Prompt",
    "Region",
    "SamjError",
    "Scene",
    "Session",
    "Settings",
    "Wanted",
    "__version__",
    "describe_image",
    "open_pyramid",
    "read_image",
    "read_rois",
    "segment_folder",
    "write_labels",
    "write_rois",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

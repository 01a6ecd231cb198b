"""What the widget says first, the images and Labels layers that it offers, and the keys of the prompt layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from samj_bridge.install import find_environment
from samj_bridge.settings import Settings

__all__ = ["bind_keys", "first_words", "image_layers", "targets_for"]

_FIRST = (
    "The first prompt fetches once what the networks run on (about 1.2 GB; up to 6 GB where only PyPI can be"
    " reached). You can go on working meanwhile, and stop it."
)


def image_layers(viewer: Any) -> list[Any]:
    """Return the image layers of a viewer."""
    return [layer for layer in viewer.layers if type(layer).__name__ == "Image"]


def targets_for(viewer: Any, image: Any, without: Any) -> list[Any]:
    """Return the Labels layers that objects of an image can go into: those of its size, but for one."""
    if image is None:
        return []
    extents = tuple(image.data.shape[: image.ndim])
    return [
        layer
        for layer in viewer.layers
        if type(layer).__name__ == "Labels"
        and layer is not without
        and tuple(layer.data.shape) == extents
        and not layer.multiscale
    ]


def first_words(settings: Settings) -> str:
    """Return what the widget says first."""
    return _FIRST if find_environment(settings) is None else "Click on an object, or draw a box around it."


def bind_keys(layers: Iterable[Any], keys: Mapping[str, Callable[[], None]]) -> None:
    """Let keys do something while one of these layers is selected: the viewer's own are hidden by a layer's."""
    for layer in layers:
        for key, deed in keys.items():
            layer.bind_key(key, lambda _layer, deed=deed: deed(), overwrite=True)

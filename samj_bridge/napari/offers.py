"""What the widget's lists offer: images, Labels layers, models; and the keys of the prompt layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from samj_bridge.models import catalog, is_installed
from samj_bridge.settings import Settings

__all__ = ["bind_keys", "image_layers", "models_here", "targets_for"]


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


def models_here(settings: Settings) -> list[tuple[str, str, str]]:
    """Return the models that can be used at once: id, title, what each is good for."""
    entries = [entry for entry in catalog(settings).values() if is_installed(entry, settings)]
    return [(entry.id, entry.title, entry.good_for) for entry in entries]


def bind_keys(layers: Iterable[Any], keys: Mapping[str, Callable[[], None]]) -> None:
    """Let keys do something while one of these layers is selected: the viewer's own are hidden by a layer's."""
    for layer in layers:
        for key, deed in keys.items():
            layer.bind_key(key, lambda _layer, deed=deed: deed(), overwrite=True)

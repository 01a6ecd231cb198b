"""The starter as it was before tiles: every image is one, for the worker's flag ``--family``."""

from samj_bridge.worker.families import starter


def build(spec):  # type: ignore[no-untyped-def]
    model = starter.build(spec)
    model.tile_px = model.whole_px = 0
    return model

"""The starter with small tiles, for the worker's flag ``--family``: the rules of large images on small ones."""

from samj_bridge.worker.families import starter


def build(spec):
    model = starter.build(spec)
    model.tile_px = model.whole_px = 256
    return model

"""A large image of known squares, what is asked about them, and tiles small enough for it to have many."""

import itertools

import numpy as np

from samj_bridge.geometry.components import label_components
from samj_bridge.session import Prompt

SIDE = 64
"""Of the test family's tiles."""


def squares(height=500, width=700, seed=0, smallest=3):
    """Squares of up to 12 pixels on a grid, and their labels."""
    random = np.random.default_rng(seed)
    image = np.zeros((height, width), np.uint8)
    for y, x in itertools.product(range(2, height - 14, 15), range(2, width - 14, 15)):
        side = int(random.integers(smallest, 13))
        image[y : y + side, x : x + side] = 200
    return image, label_components(image > 0)[0]


IMAGE, LABELS = squares()
NUMBERS = range(1, int(LABELS.max()) + 1, 37)


def box_around(label, labels=LABELS):
    rows, columns = np.nonzero(labels == label)
    return float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1)


def asked(label, labels=LABELS):
    x0, y0, x1, y1 = box_around(label, labels)
    middle = ((x0 + x1) / 2 + 0.25, (y0 + y1) / 2 + 0.25)
    corner = (x0 + 0.5, y0 + 0.5)
    return [
        Prompt(box=(x0, y0, x1, y1)),
        Prompt(points=[middle]),
        Prompt(points=[middle, corner], negative=[(x1 + 1.5, y1 + 1.5)]),
        Prompt(mask=labels == label),
        Prompt(mask=labels == label, points=[middle]),
    ]


def pixels_of(region):
    return region.area, region.bbox_xyxy, [ring.tolist() for ring in region.rings], region.score

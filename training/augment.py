"""Augmentation: crops at other scales and angles, and pictures as other laboratories might have taken them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data import Record

Picture = NDArray[np.float32]
Labels = NDArray[np.int32]

# Optical densities of haematoxylin, eosin, DAB per channel (Ruifrok and Johnston, 2001).
STAINS = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], np.float32)
STAINS /= np.linalg.norm(STAINS, axis=1, keepdims=True)
UNMIX = np.linalg.inv(STAINS)


def crop(record: Record, size: int, rng: np.random.Generator, *, plain: bool = False) -> tuple[Picture, Labels]:
    """Cut out a random piece, scaled, turned and mirrored: (size, size, 3) in 0..1 and (2, size, size).

    A ``plain`` one is only mirrored and turned by quarters, and shown as the product shows it.
    """
    scale = float(np.exp(rng.uniform(np.log(0.5), np.log(1.7)))) if rng.random() < 0.75 and not plain else 1.0
    stretch = float(np.exp(rng.normal(0, 0.08))) if rng.random() < 0.4 and not plain else 1.0
    turned = rng.random() < 0.3 and not plain
    need = int(size * (1.3 if turned else 1.0))
    height, width = record.labels.shape[1:]
    h, w = min(height, round(need / scale * stretch)), min(width, round(need / scale / stretch))
    top, left = _start(height - h, rng), _start(width - w, rng)
    image = _unit(record, record.image[top : top + h, left : left + w], rng, plain=plain)
    labels = record.labels[:, top : top + h, left : left + w].astype(np.float32)
    new_hw = (max(8, min(need, round(h * scale / stretch))), max(8, min(need, round(w * scale * stretch))))
    if new_hw != (h, w):
        way = cv2.INTER_AREA if scale < 1 else (cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC)
        image = cv2.resize(image, new_hw[::-1], interpolation=way)
        labels = np.stack([cv2.resize(x, new_hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT) for x in labels])
    if turned:
        image, labels = _turn(image, labels, size, rng)
    image, labels = _place(image, labels, size, rng)
    quarter, mirror = int(rng.integers(4)), rng.random() < 0.5
    image, labels = np.rot90(image, quarter), np.rot90(labels, quarter, (1, 2))
    if mirror:
        image, labels = image[:, ::-1], labels[:, :, ::-1]
    return np.clip(image, 0, 1), labels.astype(np.int32)


def _start(room: int, rng: np.random.Generator) -> int:
    # A third of the crops touch the border: objects cut by the image's edge are common, and look different.
    if room <= 0 or rng.random() < 0.15:
        return 0
    return room if rng.random() < 0.15 else int(rng.integers(room + 1))


def _unit(record: Record, image: NDArray[np.uint8], rng: np.random.Generator, *, plain: bool) -> Picture:
    if image.ndim == 3:
        return image.astype(np.float32) / 255
    standard = rng.random() < 0.6 or plain
    low = record.low[1] if standard else record.low[int(rng.integers(len(record.low)))]
    high = record.high[2] if standard else record.high[int(rng.integers(len(record.high)))]
    if not standard and rng.random() < 0.3:
        high = low + (high - low) * rng.uniform(1, 3)  # a display range left wider than the picture needs
    grey = np.clip((image.astype(np.float32) - low) / max(high - low, 1), 0, 1)
    return np.repeat(grey[:, :, None], 3, 2)


def _turn(image: Picture, labels: Labels, size: int, rng: np.random.Generator) -> tuple[Picture, Labels]:
    h, w = image.shape[:2]
    out = min(size, h, w)
    matrix = cv2.getRotationMatrix2D(((w - 1) / 2, (h - 1) / 2), float(rng.uniform(-45, 45)), 1.0)
    matrix[:, 2] += (out - 1) / 2 - np.array([(w - 1) / 2, (h - 1) / 2])
    image = cv2.warpAffine(image, matrix, (out, out), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    turned = [cv2.warpAffine(x, matrix, (out, out), flags=cv2.INTER_NEAREST) for x in labels]
    return image, np.stack(turned)


def _place(image: Picture, labels: Labels, size: int, rng: np.random.Generator) -> tuple[Picture, Labels]:
    h, w = min(size, image.shape[0]), min(size, image.shape[1])
    top, left = int(rng.integers(image.shape[0] - h + 1)), int(rng.integers(image.shape[1] - w + 1))
    image, labels = image[top : top + h, left : left + w], labels[:, top : top + h, left : left + w]
    if (h, w) == (size, size):
        return image, labels
    fill = np.median(image, (0, 1)) if rng.random() < 0.5 else np.float32(rng.random())
    canvas = np.empty((size, size, 3), np.float32)
    canvas[:] = fill
    marks = np.zeros((2, size, size), np.float32)
    y, x = int(rng.integers(size - h + 1)), int(rng.integers(size - w + 1))
    canvas[y : y + h, x : x + w] = image
    marks[:, y : y + h, x : x + w] = labels
    return canvas, marks


def nothing(size: int, rng: np.random.Generator) -> tuple[Picture, Labels]:
    """Make an empty picture: one grey, one colour, or a slope from one to another; often black."""
    ends = np.float32(rng.random((2, 3)))
    if rng.random() < 0.3:
        ends *= 0
    if rng.random() < 0.7:
        ends[:] = ends[:, :1]
    if rng.random() < 0.6:
        ends[1] = ends[0]
    slope = np.linspace(0, 1, size, dtype=np.float32)[:, None, None]
    image = np.repeat(ends[0] + slope * (ends[1] - ends[0]), size, 1)
    return np.rot90(image, int(rng.integers(4))), np.zeros((2, size, size), np.int32)


def recolour(image: Picture, rng: np.random.Generator) -> Picture:
    """Change a picture's colours, contrast, sharpness and noise, never where its objects are."""
    grey = bool(np.abs(image[:, :, 0] - image[:, :, 1]).max() < 1e-3)
    image = _tint(image, rng) if grey else _stain(image, rng)
    if rng.random() < 0.2:
        image = 1 - image
    if rng.random() < 0.5:
        image = np.clip(image, 0, 1) ** np.float32(np.exp(rng.uniform(-0.7, 0.7)))
    if rng.random() < 0.4:
        image = image * np.float32(rng.uniform(0.5, 1.3)) + np.float32(rng.uniform(-0.15, 0.25))
    if rng.random() < 0.25:
        image = _uneven(image, rng)
    if rng.random() < 0.2:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))
    elif rng.random() < 0.1:
        image = image + np.float32(rng.uniform(0.3, 1.2)) * (image - cv2.GaussianBlur(image, (0, 0), 1.5))
    if rng.random() < 0.3:
        image = _noise(image, rng)
    image = np.clip(image, 0, 1).astype(np.float32)
    if rng.random() < 0.12:
        code = cv2.imencode(
            ".jpg", (image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
        )[1]
        image = cv2.imdecode(code, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return image


def _tint(image: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() > 0.15:
        return image
    # Fluorescence shown in a colour, or a stain on white.
    weights = np.float32(rng.random(3) if rng.random() < 0.5 else np.eye(3)[rng.integers(3)])
    return image * weights if rng.random() < 0.6 else 1 - (1 - image) * weights


def _stain(image: Picture, rng: np.random.Generator) -> Picture:
    if rng.random() < 0.5:
        density = -np.log(np.clip(image, 0.02, 1)) @ UNMIX
        density = density * np.float32(rng.uniform(0.6, 1.5, 3)) + np.float32(rng.uniform(-0.05, 0.05, 3))
        image = np.exp(-density @ STAINS).astype(np.float32)
    if rng.random() < 0.35:
        mix = np.eye(3, dtype=np.float32) + np.float32(rng.normal(0, 0.12, (3, 3)))
        image = image @ mix
    if rng.random() < 0.2:
        image = image[:, :, rng.permutation(3)]
    if rng.random() < 0.2:
        weights = np.float32(rng.dirichlet((3, 3, 3)))
        image = np.repeat((image @ weights)[:, :, None], 3, 2)
    return np.ascontiguousarray(image, np.float32)


def _uneven(image: Picture, rng: np.random.Generator) -> Picture:
    coarse = np.float32(rng.normal(0, 1, (int(rng.integers(2, 5)), int(rng.integers(2, 5)))))
    field = cv2.resize(coarse, image.shape[1::-1], interpolation=cv2.INTER_CUBIC)[:, :, None]
    if rng.random() < 0.5:
        return image * np.exp(0.3 * field)
    return image + 0.1 * field


def _noise(image: Picture, rng: np.random.Generator) -> Picture:
    shape = image.shape if rng.random() < 0.3 else (*image.shape[:2], 1)
    noise = rng.standard_normal(shape, np.float32)
    if rng.random() < 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), 0.8).reshape(shape) * 2
    amount = np.float32(rng.uniform(0.01, 0.1))
    if rng.random() < 0.5:
        return image + amount * noise
    return image + 1.5 * amount * np.sqrt(np.clip(image, 0, 1)) * noise

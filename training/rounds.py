"""Rounds of prompting in training: a first prompt, then corrections of what the network answered."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from samj_bridge.worker.nets import starter_window as sw
from samj_bridge.worker.nets.starter import StarterNet, normalise
from training.losses import box_iou, hypothesis_loss, mask_loss, real_iou
from training.prompts import BOX, MASK, POINT

CLICKS = 4


@dataclass(frozen=True)
class Scenes:
    """A batch of encoded crops."""

    image: Tensor
    """(B, 6, S, S), normalised."""
    features: Tensor
    """(B, C, S/4, S/4)."""
    labels: Tensor
    """(B, 2, S, S)."""


@dataclass(frozen=True)
class Prompts:
    """N prompts with what they are meant to find; sorted by ``entry``."""

    entry: Tensor
    name: Tensor
    layer: Tensor
    ambiguous: Tensor
    slot: Tensor
    """Whose window it is decoded in: that of the part or of the whole."""
    truth: Tensor
    """Tight box of the target, (N, 4)."""
    areas: Tensor
    """Pixels of the part and the whole, (N, 2)."""
    box: Tensor
    """Box prompt, NaN where there is none."""
    clicks: Tensor
    window: Tensor
    mask: Tensor
    """Mask prompt on the window: -1 outside, 1 inside, 0 where there is none; (N, 1, G, G)."""
    has_mask: Tensor

    def at(self, index: Tensor) -> Prompts:
        """Pick prompts."""
        return Prompts(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def truth_on(scenes: Scenes, prompts: Prompts, layer: Tensor, window: Tensor, cells: int) -> Tensor:
    """Sample the target masks at a window's cell centres: (N, G, G) float."""
    size = scenes.labels.shape[-1]
    xs, ys = sw.grid(window, cells)
    ix, iy = xs.floor().long(), ys.floor().long()
    inside = ((ix >= 0) & (ix < size))[:, None, :] & ((iy >= 0) & (iy < size))[:, :, None]
    ix, iy = ix.clamp(0, size - 1), iy.clamp(0, size - 1)
    found = scenes.labels[prompts.entry[:, None, None], layer[:, None, None], iy[:, :, None], ix[:, None, :]]
    return ((found == prompts.name[:, None, None]) & inside).float()


def decode(net: StarterNet, scenes: Scenes, prompts: Prompts) -> tuple[Tensor, Tensor]:
    """Run the decoder on all prompts."""
    cells, size = net.config.grid, float(scenes.labels.shape[-1])
    fine_xy, half_xy = sw.grid(prompts.window, cells), sw.grid(prompts.window, cells // 2)
    image, features = [], []
    for entry in range(len(scenes.image)):
        rows = (prompts.entry == entry).nonzero()[:, 0]
        if len(rows):
            image.append(
                sw.sample(scenes.image[entry : entry + 1], fine_xy[0][rows], fine_xy[1][rows], (size, size))
            )
            features.append(
                sw.sample(scenes.features[entry : entry + 1], half_xy[0][rows], half_xy[1][rows], (size, size))
            )
    maps = sw.prompt_maps(prompts.window, cells, prompts.box, prompts.clicks, torch.full((1, 2), size))
    fine = sw.fine_input(torch.cat(image), maps, prompts.mask).contiguous(memory_format=torch.channels_last)
    context = sw.context(prompts.window, prompts.box, prompts.clicks, prompts.has_mask)
    out: tuple[Tensor, Tensor] = net.decoder(
        fine, torch.cat(features).contiguous(memory_format=torch.channels_last), context
    )
    return out


def round_loss(
    scenes: Scenes, prompts: Prompts, logits: Tensor, scores: Tensor, ambiguous_weight: float, focus: float
) -> tuple[Tensor, Tensor]:
    """Loss of one round, and the IoU (N, 3) each candidate reached with the sampled target.

    ``focus`` takes weight from the part in the whole's window and the whole in the part's, which nobody sees.
    """
    cells = logits.shape[-1]
    part = truth_on(scenes, prompts, torch.zeros_like(prompts.layer), prompts.window, cells)
    whole = truth_on(scenes, prompts, torch.ones_like(prompts.layer), prompts.window, cells)
    target = torch.where((prompts.layer == 1)[:, None, None], whole, part)
    ambiguous = prompts.ambiguous[:, None, None]
    first, second = torch.where(ambiguous, part, target), torch.where(ambiguous, whole, target)
    loss = mask_loss(logits, torch.stack([first, second, first], 1))
    other = mask_loss(logits[:, 2:], second[:, None])[:, 0]
    free = torch.minimum(loss[:, 2], other)
    weight = 1 + (ambiguous_weight - 1) * prompts.ambiguous.float()
    tilt = focus * prompts.ambiguous.float() * (1 - 2 * prompts.slot)  # 1: part's window, -1: whole's
    masks = (((1 + tilt) * loss[:, 0] + (1 - tilt) * loss[:, 1] + free) * weight).mean() / 3
    cell = (prompts.window[:, 2:] - prompts.window[:, :2]).prod(1) / cells**2
    area = prompts.areas.gather(1, prompts.layer[:, None])[:, 0] / cell
    with torch.no_grad():
        iou = real_iou(logits, target[:, None].expand_as(logits), area)
    score = torch.nn.functional.binary_cross_entropy_with_logits(scores, iou)
    return masks + score, iou


def places_loss(net: StarterNet, scenes: Scenes, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Hypothesis loss at the batch's places; returns the spread features for clicks, too."""
    spread = net.hypotheses.spread(scenes.features)
    boxes, scores = read_boxes(net, spread, batch["places"], scenes.labels.shape[-1])
    loss = hypothesis_loss(
        boxes.flatten(0, 1),
        scores.flatten(0, 1),
        batch["place_boxes"].flatten(0, 1),
        batch["place_valid"].flatten(),
    )
    return loss, spread


def read_boxes(net: StarterNet, spread: Tensor, places: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Boxes (B, M, 2, 4) and score logits (B, M, 2) at places (B, M, 2)."""
    where = (2 * places / size - 1)[:, :, None]  # B M 1 2
    at = torch.nn.functional.grid_sample(spread, where, align_corners=False)[..., 0].transpose(1, 2)  # B M C
    far, scores = net.hypotheses(at)
    x, y = places[:, :, None, 0], places[:, :, None, 1]
    boxes = torch.stack([x - far[..., 0], y - far[..., 1], x + far[..., 2], y + far[..., 3]], -1)
    return boxes.clamp(0, size), scores


def first_prompts(
    net: StarterNet,
    scenes: Scenes,
    spread: Tensor,
    batch: dict[str, Tensor],
    rng: np.random.Generator,
    trust: float,
) -> Prompts:
    """Make the prompts of the first round; ``trust`` is how often a click uses the network's own box."""
    b, p = batch["name"].shape
    size = scenes.labels.shape[-1]
    flat = {key: batch[key].flatten(0, 1) for key in batch if batch[key].shape[:2] == (b, p) and key != "image"}
    n = b * p
    with torch.no_grad():
        guesses = read_boxes(net, spread, batch["click"], size)[0].flatten(0, 1)  # N 2 4
    slot = torch.where(flat["ambiguous"], torch.from_numpy(rng.integers(0, 2, n)), flat["layer"])
    true_boxes = torch.stack([flat["box_part"], flat["box_whole"]], 1)
    shift = torch.from_numpy(rng.normal(0, 0.07, (n, 4)).astype(np.float32))
    row = torch.arange(n)
    near = true_boxes[row, slot]
    near = near + shift * (near[:, 2:] - near[:, :2]).repeat(1, 2)
    own = torch.from_numpy(rng.random(n) < trust)[:, None]
    kind = flat["kind"]
    around = torch.where(
        (kind == BOX)[:, None],
        flat["box_prompt"],
        torch.where(own & (kind == POINT)[:, None], guesses[row, slot], near),
    )
    box = torch.where((kind == BOX)[:, None], flat["box_prompt"], torch.nan)
    clicks = torch.zeros(n, CLICKS, 3)
    clicked = (kind == POINT) | ((kind == BOX) & torch.from_numpy(rng.random(n) < 0.1))
    clicks[:, 0, :2] = torch.where(clicked[:, None], flat["click"], torch.zeros(()))
    clicks[:, 0, 2] = clicked.float()
    window = sw.window_around(around)
    prompts = Prompts(
        entry=torch.arange(b).repeat_interleave(p),
        name=flat["name"],
        layer=flat["layer"],
        ambiguous=flat["ambiguous"],
        slot=slot,
        truth=flat["box"],
        areas=torch.stack([flat["area_part"], flat["area_whole"]], 1),
        box=box,
        clicks=clicks,
        window=window,
        mask=torch.zeros(n, 1, net.config.grid, net.config.grid),
        has_mask=kind == MASK,
    )
    return _with_rough_masks(scenes, prompts, rng)


def _with_rough_masks(scenes: Scenes, prompts: Prompts, rng: np.random.Generator) -> Prompts:
    """Give mask prompts a true mask that is shifted, scaled and eaten away here and there."""
    cells, rows = prompts.mask.shape[-1], prompts.has_mask.nonzero()[:, 0]
    if not len(rows):
        return prompts
    some = prompts.at(rows)
    size = (some.window[:, 2:] - some.window[:, :2]).repeat(1, 2)
    moved = some.window + size * torch.from_numpy(rng.normal(0, 0.05, (len(rows), 4)).astype(np.float32))
    rough = truth_on(scenes, some, some.layer, moved, cells)
    coarse = torch.from_numpy(rng.normal(0, 1, (len(rows), 1, 6, 6)).astype(np.float32))
    bumps = torch.nn.functional.interpolate(coarse, (cells, cells), mode="bicubic")[:, 0]
    rough = torch.nn.functional.avg_pool2d(rough[:, None], 7, 1, 3)[:, 0] + 0.2 * bumps > 0.5
    mask = prompts.mask.clone()
    mask[rows, 0] = rough.float() * 2 - 1
    return replace(prompts, mask=mask)


def next_prompts(
    scenes: Scenes, prompts: Prompts, logits: Tensor, scores: Tensor, rows: Tensor, rng: np.random.Generator
) -> Prompts:
    """Correct some answers: the mask comes back as a prompt, mostly with a click in its largest error."""
    logits, scores, old = logits.detach()[rows], scores.detach()[rows], prompts.at(rows)
    n, cells = len(rows), logits.shape[-1]
    only_mask = torch.from_numpy(rng.random(n) < 0.35) & old.box[:, 0].isnan()
    best = scores.argmax(1)
    either = torch.from_numpy(rng.integers(0, 2, n))
    follow = only_mask & old.ambiguous  # the first mask decides what is meant from here on
    pick = torch.where(follow, either, best)
    layer = torch.where(follow, either, old.layer)
    chosen = (logits[torch.arange(n), pick] > 0).float()[:, None]
    old = replace(old, layer=layer, ambiguous=torch.zeros_like(old.ambiguous))
    view = sw.window_around(
        torch.cat([torch.minimum(old.window, old.truth)[:, :2], torch.maximum(old.window, old.truth)[:, 2:]], 1)
    )
    seen = sw.sample_each(chosen, old.window, view, cells)[:, 0] > 0.5
    wanted = truth_on(scenes, old, layer, view, cells) > 0
    clicks = old.clicks.clone()
    for i in range(n):
        if not only_mask[i]:
            _add_click(clicks[i], seen[i].numpy(), wanted[i].numpy(), view[i], rng)
    keep = only_mask | torch.from_numpy(rng.random(n) < 0.75)
    return _refocus(replace(old, clicks=clicks), chosen, keep)


def _add_click(
    clicks: Tensor, seen: np.ndarray, wanted: np.ndarray, view: Tensor, rng: np.random.Generator
) -> None:
    best_area, best = 0, None
    for sign, wrong in ((1, wanted & ~seen), (-1, seen & ~wanted)):
        count, marks, stats, _ = cv2.connectedComponentsWithStats(wrong.astype(np.uint8), connectivity=4)
        if count > 1:
            largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
            if stats[largest, cv2.CC_STAT_AREA] > best_area:
                best_area, best = int(stats[largest, cv2.CC_STAT_AREA]), (sign, marks == largest)
    if best is None:
        return
    sign, mask = best
    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 5)[1:-1, 1:-1]
    ys, xs = np.nonzero(depth >= depth.max() * (1.0 if rng.random() < 0.6 else 0.5))
    i, cells = int(rng.integers(len(ys))), len(mask)
    slot = int((clicks[:, 2] != 0).sum())
    if slot < len(clicks):
        step = (view[2:] - view[:2]) / cells
        place = view[:2] + step * torch.tensor([xs[i] + 0.5, ys[i] + 0.5])
        clicks[slot, :2], clicks[slot, 2] = place.floor() + 0.5, float(sign)


def _refocus(prompts: Prompts, chosen: Tensor, keep: Tensor) -> Prompts:
    """Lay the window anew around the mask before and the positive clicks; a box prompt keeps its own."""
    cells = chosen.shape[-1]
    low, high = prompts.window[:, :2], prompts.window[:, 2:]
    # A window is laid from the box it was made for, so undo its margin where there is no mask to go by.
    margin = (sw.MARGIN * (high - low) + sw.MARGIN_PX) / (1 + 2 * sw.MARGIN)
    inner = sw.including(torch.cat([low + margin, high - margin], 1), prompts.clicks)
    around = sw.box_on_window(chosen, prompts.window, prompts.clicks)
    around = torch.where((keep & (chosen.sum((1, 2, 3)) > 0))[:, None], around, inner)
    boxed = ~prompts.box[:, :1].isnan()
    window = torch.where(boxed, prompts.window, sw.window_around(around))
    mask = sw.sample_each(chosen, prompts.window, window, cells) * 2 - 1
    mask = torch.where(keep[:, None, None, None], mask, torch.zeros(()))
    return replace(prompts, window=window, mask=mask, has_mask=keep)


__all__ = [
    "Prompts",
    "Scenes",
    "box_iou",
    "decode",
    "first_prompts",
    "next_prompts",
    "normalise",
    "places_loss",
    "round_loss",
]

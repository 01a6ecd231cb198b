"""Train the starter model: ``python -m training.train --data DIR``."""

from __future__ import annotations

import argparse
import copy
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from samj_bridge.worker.nets.starter import StarterNet, normalise
from training import data
from training.augment import crop, nothing, recolour
from training.legs import LEGS, Leg, leg_at
from training.prompts import Sample, draw, draw_places
from training.rounds import Scenes, decode, first_prompts, next_prompts, places_loss, round_loss


@dataclass(frozen=True)
class Plan:
    """What a run depends on besides the data."""

    steps: int = 7471
    """Optimiser steps in all; fewer end the run early, for a trial."""
    weight_decay: float = 0.02
    crops: int = 6
    size: int = 256
    prompts: int = 8
    places: int = 96
    seed: int = 20
    start: int = 0
    """The step a run begins with, where its weights are those of a run that came so far."""
    processes: int = 2
    """Each takes its share of the crops on one thread, and gradients are averaged once a step. On a shared machine
    this waits far less than one process with two threads, which meet after every layer."""


class Batches(Dataset[dict[str, Tensor]]):
    """A process's batch of a step, drawn from seed, step and rank alone, so that a run can be taken up anywhere."""

    def __init__(self, root: Path, plan: Plan, rank: int):
        self.plan, self.rank = plan, rank
        records = data.load(root, "train")
        self.groups = [[r for r in records if r.kind == kind] for kind in data.KINDS]

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.plan.seed, step, self.rank))
        leg, _ = leg_at(step)
        share = np.array([s if g else 0 for s, g in zip(leg.share, self.groups, strict=True)])
        size = int(rng.choice(leg.sizes)) if leg.sizes else self.plan.size
        samples: list[Sample] = []
        while len(samples) < self.plan.crops // self.plan.processes:
            sample = self._sample(leg, share / share.sum(), size, rng)
            if sample is not None:
                samples.append(sample)
        return {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}

    def _sample(self, leg: Leg, share: NDArray[np.float64], size: int, rng: np.random.Generator) -> Sample | None:
        plan = self.plan
        if leg.empty > 0 and rng.random() < leg.empty:
            picture, labels = nothing(size, rng)
            picture = recolour(picture, rng) if rng.random() < 0.4 else picture
            return draw_places(picture, labels, plan.places, leg.mix, rng)
        group = self.groups[int(rng.choice(len(self.groups), p=share))]
        plain = leg.plain > 0 and rng.random() < leg.plain
        picture, labels = crop(group[int(rng.integers(len(group)))], size, rng, plain=plain)
        picture = np.ascontiguousarray(picture) if plain else recolour(picture, rng)
        if leg.boxes_only:
            return draw_places(picture, labels, plan.places, leg.mix, rng)
        return draw(picture, labels, plan.prompts, plan.places, leg.mix, rng)


class Average:
    """Moving average of weights and buffers; the result of training."""

    def __init__(self, net: StarterNet):
        self.net = copy.deepcopy(net).eval()

    @torch.no_grad()
    def update(self, net: StarterNet, step: int) -> None:
        """Move towards the network, faster in the first steps."""
        weight = 1 - min(leg_at(step)[0].keep, (1 + step) / (10 + step))
        for mine, new in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(new, weight)
            else:
                mine.copy_(new)


def losses(
    net: StarterNet, batch: dict[str, Tensor], rng: np.random.Generator, step: int
) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch over up to three rounds of prompting, and numbers for the log."""
    image = normalise(batch["image"])
    leg, _ = leg_at(step)
    net.train(not leg.settled)
    net.encoder.train(not (leg.fixed or leg.settled))
    with torch.set_grad_enabled(not leg.fixed):
        features = net.encoder(image.contiguous(memory_format=torch.channels_last)).contiguous()
    scenes = Scenes(image, features, batch["labels"].long())
    total, spread = places_loss(net, scenes, batch)
    log = {"places": float(total.detach())}
    total = leg.places * total
    if leg.boxes_only:
        return total, log
    trust = 0.8 * min(1.0, step / 600)
    prompts = first_prompts(net, scenes, spread, batch, rng, trust)
    for number, weight in enumerate((1.0, 0.5, 0.25), 1):
        logits, scores = decode(net, scenes, prompts)
        loss, iou = round_loss(scenes, prompts, logits, scores, leg.ambiguous, leg.focus)
        total = total + weight * loss
        boxed = ~prompts.box[:, 0].isnan()
        chosen = iou.gather(1, scores.argmax(1, keepdim=True))[:, 0]
        log |= {
            f"loss{number}": float(loss.detach()),
            f"box{number}": float(chosen[boxed].mean()),
            f"click{number}": float(chosen[~boxed].mean()),
        }
        if number < 3:
            rows = torch.from_numpy(np.sort(rng.permutation(len(iou))[: int(leg.again * len(iou))]))
            prompts = next_prompts(scenes, prompts, logits, scores, rows, rng)
    return total, log


def save(path: Path, content: object) -> None:
    """Write so that a killed run leaves the checkpoint before, not half of one."""
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def share(net: StarterNet) -> None:
    """Average gradients and running statistics over the processes."""
    tensors = [p.grad for p in net.parameters() if p.grad is not None]
    tensors += [b for b in net.buffers() if b.is_floating_point()]
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view(tensor.shape))
            at += tensor.numel()


def train(rank: int, root: Path, out: Path, plan: Plan, begin: Path | None, meeting: str) -> None:
    """Run or take up a training in ``out``; one that is new starts from the weights in ``begin``, if given."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=plan.processes)
    out.mkdir(parents=True, exist_ok=True)
    net = StarterNet().to(memory_format=torch.channels_last).train()
    average = Average(net)
    optimiser = torch.optim.AdamW(net.parameters(), LEGS[0].rate, (0.9, 0.98), weight_decay=plan.weight_decay)
    start, latest = plan.start, out / "checkpoint.pt"
    if begin is not None and not latest.is_file():
        known = {key: value.to(net.state_dict()[key].dtype) for key, value in load_file(begin).items()}
        net.load_state_dict(known)
        average.net.load_state_dict(known)
    if latest.is_file():
        state = torch.load(latest, weights_only=True)
        net.load_state_dict(state["net"])
        average.net.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        start = state["step"]
    loader = DataLoader(
        Batches(root, plan, rank),
        None,
        sampler=range(start, plan.steps),
        num_workers=1,
        prefetch_factor=4,
        worker_init_fn=_worker,
    )
    logs: list[dict[str, float]] = []
    began = saved = time.monotonic()
    for step, batch in enumerate(loader, start):
        if leg_at(step)[0].fixed and step in {leg.end for leg in LEGS}:
            net.load_state_dict(average.net.state_dict())
        for group in optimiser.param_groups:
            group["lr"] = leg_at(step)[1]
        total, log = losses(net, batch, np.random.default_rng((plan.seed, step, rank, 1)), step)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        share(net)
        log["norm"] = float(torch.nn.utils.clip_grad_norm_(net.parameters(), 3.0))
        optimiser.step()
        average.update(net, step)
        logs.append(log)
        if rank:
            continue
        if step % 50 == 49:
            _report(logs, step + 1, began, start)
            logs = []
        if time.monotonic() - saved > 240:
            saved = time.monotonic()
            save(latest, _state(net, average, optimiser, step + 1))
    dist.barrier()
    dist.destroy_process_group()
    if rank:
        return
    save(latest, _state(net, average, optimiser, plan.steps))
    content = asdict(plan) | {"legs": [asdict(leg) for leg in LEGS], "seconds": time.monotonic() - began}
    (out / "plan.json").write_text(json.dumps(content))
    print("done", plan.steps, flush=True)


def _state(net: StarterNet, average: Average, optimiser: torch.optim.Optimizer, step: int) -> dict[str, object]:
    return {
        "net": net.state_dict(),
        "average": average.net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
    }


def _worker(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _report(logs: list[dict[str, float]], step: int, began: float, start: int) -> None:
    mean = {key: float(np.nanmean([log[key] for log in logs])) for key in logs[0]}
    pace = (time.monotonic() - began) / max(step - start, 1)
    text = " ".join(f"{key} {value:.3f}" for key, value in mean.items())
    print(f"{time.strftime('%H:%M:%S')} {step} {pace:.2f}s {text}", flush=True)


def main(arguments: list[str]) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018/ and sem_axon/")
    parser.add_argument(
        "--out", type=Path, default=Path("training/runs/starter"), help="checkpoints and the result"
    )
    parser.add_argument("--begin", type=Path, help="start from these weights instead of random ones")
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args(arguments))
    root, out, begin, plan = given.pop("data"), given.pop("out"), given.pop("begin"), Plan(**given)
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (root, out, plan, begin, f"{folder}/meeting"), plan.processes)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1:])

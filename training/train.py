"""Train the starter model: ``python -m training.train --data DIR``."""

from __future__ import annotations

import argparse
import copy
import json
import math
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
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from samj_bridge.worker.nets.starter import StarterNet, normalise
from training import data
from training.augment import crop, recolour
from training.prompts import draw
from training.rounds import Scenes, decode, first_prompts, next_prompts, places_loss, round_loss


@dataclass(frozen=True)
class Plan:
    """What a run depends on besides the data."""

    steps: int = 6000
    """Optimiser steps in all."""
    decay: int = 1800
    """Of these, the last ones, in which the learning rate falls along a cosine."""
    warmup: int = 200
    rate: float = 2e-3
    weight_decay: float = 0.02
    crops: int = 6
    size: int = 256
    prompts: int = 8
    places: int = 96
    ema: float = 0.998
    seed: int = 20
    processes: int = 2
    """Each takes its share of the crops on one thread, and gradients are averaged once a step. On a shared machine
    this waits far less than one process with two threads, which meet after every layer."""


class Batches(Dataset[dict[str, Tensor]]):
    """A process's batch of a step, drawn from seed, step and rank alone, so that a run can be taken up anywhere."""

    def __init__(self, root: Path, plan: Plan, rank: int):
        self.plan, self.rank = plan, rank
        records = data.load(root, "train")
        self.groups = [[r for r in records if r.kind == kind] for kind in data.KINDS]
        share = np.array([s if g else 0 for s, g in zip(data.SHARE, self.groups, strict=True)])
        self.share = share / share.sum()

    def __len__(self) -> int:
        return self.plan.steps

    def __getitem__(self, step: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.plan.seed, step, self.rank))
        samples = []
        while len(samples) < self.plan.crops // self.plan.processes:
            group = self.groups[int(rng.choice(len(self.groups), p=self.share))]
            picture, labels = crop(group[int(rng.integers(len(group)))], self.plan.size, rng)
            sample = draw(recolour(picture, rng), labels, self.plan.prompts, self.plan.places, rng)
            if sample is not None:
                samples.append(sample)
        return {key: torch.from_numpy(np.stack([s[key] for s in samples])) for key in samples[0]}


class Average:
    """Moving average of weights and buffers; the result of training."""

    def __init__(self, net: StarterNet, keep: float):
        self.net, self.keep = copy.deepcopy(net).eval(), keep

    @torch.no_grad()
    def update(self, net: StarterNet, step: int) -> None:
        """Move towards the network, faster in the first steps."""
        weight = 1 - min(self.keep, (1 + step) / (10 + step))
        for mine, new in zip(self.net.state_dict().values(), net.state_dict().values(), strict=True):
            if mine.is_floating_point():
                mine.lerp_(new, weight)
            else:
                mine.copy_(new)


def rate_at(step: int, plan: Plan, decay_from: int) -> float:
    """Warm up, stay, fall: the share of the learning rate at a step."""
    if step < plan.warmup:
        return (step + 1) / plan.warmup
    done = (step - decay_from) / plan.decay
    return 1.0 if done < 0 else 0.005 + 0.995 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def losses(
    net: StarterNet, batch: dict[str, Tensor], rng: np.random.Generator, step: int
) -> tuple[Tensor, dict[str, float]]:
    """Loss of a batch over up to three rounds of prompting, and numbers for the log."""
    image = normalise(batch["image"])
    features = net.encoder(image.contiguous(memory_format=torch.channels_last)).contiguous()
    scenes = Scenes(image, features, batch["labels"].long())
    total, spread = places_loss(net, scenes, batch)
    log = {"places": float(total.detach())}
    trust = 0.8 * min(1.0, step / 600)
    prompts = first_prompts(net, scenes, spread, batch, rng, trust)
    for number, weight in enumerate((1.0, 0.5, 0.25), 1):
        logits, scores = decode(net, scenes, prompts)
        loss, iou = round_loss(scenes, prompts, logits, scores)
        total = total + weight * loss
        boxed = ~prompts.box[:, 0].isnan()
        chosen = iou.gather(1, scores.argmax(1, keepdim=True))[:, 0]
        log |= {
            f"loss{number}": float(loss.detach()),
            f"box{number}": float(chosen[boxed].mean()),
            f"click{number}": float(chosen[~boxed].mean()),
        }
        if number < 3:
            rows = torch.from_numpy(np.sort(rng.permutation(len(iou))[: len(iou) // 2]))
            prompts = next_prompts(scenes, prompts, logits, scores, rows, rng)
    return total, log


def save(path: Path, content: object) -> None:
    """Write so that a killed run leaves the checkpoint before, not half of one."""
    part = path.with_suffix(".part")
    torch.save(content, part)
    part.replace(path)


def share(net: StarterNet, flag: bool) -> bool:
    """Average gradients and running statistics over the processes; true when any of them raised its flag."""
    tensors = [p.grad for p in net.parameters() if p.grad is not None]
    tensors += [b for b in net.buffers() if b.is_floating_point()]
    flat = torch.cat([*(t.reshape(-1) for t in tensors), torch.tensor([float(flag)])])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    at = 0
    with torch.no_grad():
        for tensor in tensors:
            tensor.copy_(flat[at : at + tensor.numel()].view(tensor.shape))
            at += tensor.numel()
    return bool(flat[-1] > 0)


def train(rank: int, root: Path, out: Path, plan: Plan, meeting: str) -> None:
    """Run or take up a training in ``out``; a file ``out/decay`` starts the final decay at once."""
    torch.set_num_threads(1)
    torch.manual_seed(plan.seed)
    dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=plan.processes)
    out.mkdir(parents=True, exist_ok=True)
    net = StarterNet().to(memory_format=torch.channels_last).train()
    average = Average(net, plan.ema)
    optimiser = torch.optim.AdamW(net.parameters(), plan.rate, (0.9, 0.98), weight_decay=plan.weight_decay)
    start, decay_from, latest = 0, plan.steps - plan.decay, out / "checkpoint.pt"
    if latest.is_file():
        state = torch.load(latest, weights_only=True)
        net.load_state_dict(state["net"])
        average.net.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        start, decay_from = state["step"], state["decay_from"]
    loader = DataLoader(
        Batches(root, plan, rank),
        None,
        sampler=range(start, 10**6),
        num_workers=1,
        prefetch_factor=4,
        worker_init_fn=_worker,
    )
    logs: list[dict[str, float]] = []
    began = saved = time.monotonic()
    hurry = False
    for step, batch in enumerate(loader, start):
        if step < decay_from and hurry:
            decay_from = step
        if step >= decay_from + plan.decay:
            break
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * rate_at(step, plan, decay_from)
        total, log = losses(net, batch, np.random.default_rng((plan.seed, step, rank, 1)), step)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        hurry = share(net, (out / "decay").exists())
        log["norm"] = float(torch.nn.utils.clip_grad_norm_(net.parameters(), 3.0))
        optimiser.step()
        average.update(net, step)
        logs.append(log)
        if rank:
            continue
        if step % 50 == 49:
            _report(logs, step + 1, began, decay_from, start)
            logs = []
        if time.monotonic() - saved > 240:
            saved = time.monotonic()
            save(latest, _state(net, average, optimiser, step + 1, decay_from))
    dist.barrier()
    dist.destroy_process_group()
    if rank:
        return
    save(latest, _state(net, average, optimiser, decay_from + plan.decay, decay_from))
    (out / "plan.json").write_text(
        json.dumps(asdict(plan) | {"steps": decay_from + plan.decay, "seconds": time.monotonic() - began})
    )
    print("done", decay_from + plan.decay, flush=True)


def _state(
    net: StarterNet, average: Average, optimiser: torch.optim.Optimizer, step: int, decay_from: int
) -> dict[str, object]:
    return {
        "net": net.state_dict(),
        "average": average.net.state_dict(),
        "optimiser": optimiser.state_dict(),
        "step": step,
        "decay_from": decay_from,
    }


def _worker(_: int) -> None:
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _report(logs: list[dict[str, float]], step: int, began: float, decay_from: int, start: int) -> None:
    mean = {key: float(np.nanmean([log[key] for log in logs])) for key in logs[0]}
    pace = (time.monotonic() - began) / max(step - start, 1)
    text = " ".join(f"{key} {value:.3f}" for key, value in mean.items())
    print(f"{time.strftime('%H:%M:%S')} {step} {pace:.2f}s {text} decay@{decay_from}", flush=True)


def main(arguments: list[str]) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with dsb2018/ and sem_axon/")
    parser.add_argument(
        "--out", type=Path, default=Path("training/runs/starter"), help="checkpoints and the result"
    )
    for name, value in asdict(Plan()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    given = vars(parser.parse_args(arguments))
    root, out, plan = given.pop("data"), given.pop("out"), Plan(**given)
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(train, (root, out, plan, f"{folder}/meeting"), plan.processes)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(sys.argv[1:])

"""Makes checkpoints of every kind, good and bad, in a folder: a program for the worker's Python, which has torch.

``python checkpoints.py FOLDER STARTER.safetensors``. The hostile ones, if anything of them were run, would make a
file ``HOSTILE`` in the folder that the variable ``HOSTILE_FOLDER`` names.
"""

import argparse
import collections
import functools
import io
import os
import pathlib
import pickle
import shlex
import struct
import subprocess
import sys
import types
import zipfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file


class Runs:
    """Pickled, it asks to call something when it is read."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


def good(folder, weights):
    """Checkpoints that must come out as the same weights."""
    prefixed = {name: {f"{name}.{key}": value for key, value in weights.items()} for name in PREFIXES}
    torch.save(weights, folder / "plain.pth")
    torch.save(collections.OrderedDict(weights), folder / "ordered.pth")
    torch.save({key: torch.nn.Parameter(value) for key, value in weights.items()}, folder / "parameters.pth")
    torch.save(weights, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file(weights, folder / "plain.safetensors")
    torch.save({"model": weights, "epoch": 3, "best": 0.5}, folder / "model.pth")
    torch.save({"state_dict": weights, "optimizer": {"lr": torch.ones(3)}}, folder / "state_dict.pth")
    torch.save(
        {"model_state": prefixed["sam"], "decoder_state": {"d": torch.ones(2)}, "iteration": 7},
        folder / "trainer.pth",
    )
    torch.save({"model": prefixed["module"]}, folder / "parallel.pth")
    torch.save({"state_dict": {f"module.{key}": v for key, v in prefixed["model"].items()}}, folder / "nested.pth")
    torch.save({"ours": {"model": weights}}, folder / "odd_wrapper.pth")
    detector = {"cellfinder.backbone.a": torch.ones(4), "cellfinder.head.b": torch.ones(2)}
    other = {key: value + 1 for key, value in prefixed["model"].items()}
    torch.save({**prefixed["model"], **detector}, folder / "cellsam.pt")
    torch.save({"state_dict": {**other, **prefixed["model_cp"], **detector}}, folder / "cellsam_adv.pt")
    views = {key: value.expand(2, *value.shape)[1] for key, value in weights.items()}
    torch.save(views, folder / "views.pth")


def trainers(folder, weights):
    """What trainers write: the weights among things that nobody else can build, averaged copies, marks in names."""
    other = {key: value + 1 for key, value in weights.items()}
    state = {"optimizer_state": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 1e-3}]}}
    dataset = foreign("torch_em.data.segmentation_dataset", "SegmentationDataset")()
    dataset.transform = functools.partial(foreign("torch_em.transform.raw", "Standardize")(), axis=(0, 1))
    dataset.path, dataset.kinds = pathlib.PurePosixPath("/data"), {1, 2}
    numbers = {"best_metric": np.float64(0.5), "iteration": np.int64(7), "losses": np.arange(3.0)}
    settings = foreign("lightning.fabric.utilities.data", "AttributeDict", dict)(lr=1e-3, loss=np.float32(2))
    averaged = {**under("net.", other), **under("ema_net.module.", weights), "ema_net.step": torch.ones(())}
    files = {
        "torch_em.pt": {"model_state": under("sam.", weights), "init": {"train": dataset}, **numbers, **state},
        "lightning.ckpt": {
            "pytorch-lightning_version": "2.5.0",
            "state_dict": {**under("model.", weights), "loss.weight": torch.ones(2), "metric.n": torch.ones(())},
            "hyper_parameters": settings,
            "callbacks": {"ModelCheckpoint": {"best_model_score": torch.ones(()), "path": dataset.path}},
        },
        "compiled.pth": under("_orig_mod.", weights),
        "compiled_within.pth": {key.replace(".", "._orig_mod.", 1): value for key, value in weights.items()},
        "parallel_compiled.pth": {"model_state_dict": under("module._orig_mod.", weights), "step": np.int32(1)},
        "timm.pth": {"state_dict": other, "state_dict_ema": weights, "args": argparse.Namespace(lr=1)},
        "averaged.pth": {**under("module.", weights), "n_averaged": torch.tensor(9)},
        "ema_within.ckpt": {"state_dict": averaged},
        "ema_shadow.pth": {"net": weights, "ema": {"decay": 0.9, "shadow_params": [torch.ones(2)]}},
        "counted.pth": {"model": weights, "history": collections.defaultdict(list, {"a": [1]})},
        "whole.pth": Network(weights),
        "whole_beside.pth": {"model": Network(other), "ema": Network(weights), "date": np.float64(1)},
    }
    for name, content in files.items():
        torch.save(content, folder / name)
    torch.save({"model": weights, **numbers}, folder / "numbers_legacy.pth", _use_new_zipfile_serialization=False)
    save_file(under("sam_model.net.", weights), folder / "prefixed.safetensors")
    torch.save(weights, folder / "protocol.pth", pickle_protocol=4)
    torch.save(torch.nn.Linear(2, 2), folder / "whole_other.pth")
    torch.save({"epoch": 1, "data": dataset}, folder / "torch_em_alone.pt")


def under(prefix, weights):
    return {f"{prefix}{key}": value for key, value in weights.items()}


def foreign(module, name, base=object):
    """Make a class of a library that nobody else has."""
    pieces = module.split(".")
    for depth in range(1, len(pieces) + 1):
        whole = sys.modules.setdefault(".".join(pieces[:depth]), types.ModuleType(module))
    setattr(whole, name, type(name, (base,), {"__module__": module, "__call__": lambda self: None}))
    return getattr(whole, name)


class Network(torch.nn.Module):
    """A network saved whole: its weights lie in modules within modules."""

    def __init__(self, weights):
        super().__init__()
        for key, value in weights.items():
            *path, name = key.split(".")
            at = self
            for part in path:
                if part not in at._modules:
                    at.add_module(part, torch.nn.Module())
                at = at._modules[part]
            at.register_buffer(name, value)
        self.register_buffer("passing", torch.ones(2), persistent=False)


PREFIXES = ("sam", "module", "model", "model_cp")


def other_types(folder, weights):
    """Checkpoints in other number formats."""
    for name, kind in {"half": torch.float16, "bfloat16": torch.bfloat16, "double": torch.float64}.items():
        torch.save({key: value.to(kind) for key, value in weights.items()}, folder / f"{name}.pth")
    first = next(iter(weights))
    for name, value in {
        "ints": weights[first].to(torch.int64),
        "bools": weights[first] > 0,
        "complex": weights[first].to(torch.complex64),
        "quantised": torch.quantize_per_tensor(weights[first], 0.1, 0, torch.qint8),
        "sparse": weights[first].to_sparse(),
    }.items():
        torch.save({**weights, first: value}, folder / f"{name}.pth")


def wrong(folder, weights):
    """Checkpoints that are read, but can't be used."""
    names = list(weights)
    torch.save({key: weights[key] for key in names[:-2]}, folder / "missing.pth")
    torch.save({**weights, "head.extra": torch.ones(3)}, folder / "extra.pth")
    torch.save({**weights, names[0]: torch.ones(2, 3)}, folder / "misshapen.pth")
    torch.save({f"layer{i}.weight": torch.ones(3, 3) for i in range(20)}, folder / "other_network.pth")
    torch.save({"vision_encoder.layers.0.attn.qkv.weight": torch.ones(3)}, folder / "transformers.pth")
    for name, value in {"nan": float("nan"), "infinite": float("inf")}.items():
        damaged = weights[names[3]].clone()
        damaged.view(-1)[0] = value
        torch.save({**weights, names[3]: damaged}, folder / f"{name}.pth")
    torch.save(torch.ones(3), folder / "tensor.pth")
    torch.save({"epoch": 3}, folder / "no_weights.pth")
    torch.save([1, 2], folder / "list.pth")
    # Ten thousand million million numbers, of which one is in the file.
    torch.save({**weights, names[0]: torch.ones(1).expand(10**8, 10**8)}, folder / "endless.pth")


def no_checkpoints(folder, weights):
    """Files that are something else."""
    plain, legacy = (folder / "plain.pth").read_bytes(), (folder / "legacy.pth").read_bytes()
    (folder / "empty.pth").write_bytes(b"")
    (folder / "page.pth").write_text("<!DOCTYPE html>\n<html><head><title>404</title></head><body>no</body></html>")
    (folder / "late_page.pth").write_text("\n<!-- made by x -->\n<html><body>Sign in</body></html>")
    (folder / "text.pth").write_text("Größe: the weights are on the server\n" * 200, encoding="utf-8")
    (folder / "model.safetensors.index.json").write_text(
        '{"metadata": {}, "weight_map": {"a": "model-1.safetensors"}}'
    )
    (folder / "lfs.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n")
    (folder / "packed.pth").write_bytes(b"\x1f\x8b\x08\x00" + bytes(300))
    (folder / "noise.pth").write_bytes(bytes(range(7, 256)) * 20)
    (folder / "pickle.pth").write_bytes(pickle.dumps({"a": [1.0, 2.0, (3, 4)], "b": "text"}, protocol=0))
    for name, share in {"a": 0.001, "b": 0.5, "c": 0.98}.items():
        (folder / f"cut_{name}.pth").write_bytes(plain[: int(len(plain) * share)])
        (folder / f"cut_legacy_{name}.pth").write_bytes(legacy[: int(len(legacy) * share)])
    safe = (folder / "plain.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(safe[: len(safe) // 2])
    flipped = bytearray(plain)
    flipped[100:130] = bytes(30)
    (folder / "flipped.pth").write_bytes(flipped)
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.write(folder / "plain.pth", "weights/plain.pth")
    with zipfile.ZipFile(folder / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb/data.pkl", pickle.dumps({}, protocol=2))
        archive.writestr("bomb/data/0", bytes(64 << 20))
    overlapping(folder / "overlap.pth")
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), str(folder / "program.pt"))


def overlapping(path):
    """A zip whose directory names one stored entry of a megabyte ten thousand times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", bytes(1 << 20))
    data = buffer.getvalue()
    start = data.rindex(b"PK\x01\x02")
    end = data.rindex(b"PK\x05\x06")
    entry = data[start:end]
    size = len(entry) * 10_000
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 10_000, 10_000, size, start, 0)
    path.write_bytes(data[:start] + entry * 10_000 + tail)


def hostile(folder, weights):
    """Pickles that ask to run something, in every place where a checkpoint has one."""
    mark = os.path.join(os.environ["HOSTILE_FOLDER"], "HOSTILE")
    command = Runs(os.system, f"echo x > {shlex.quote(mark)}")
    torch.save({**weights, "x": command}, folder / "runs_zip.pth")
    torch.save(command, folder / "runs_alone.pth")
    torch.save({"model": weights, "args": command}, folder / "runs_beside.pth")
    torch.save({**weights, "x": command}, folder / "runs_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"x": Runs(eval, f"open({mark!r}, 'w')")}, folder / "runs_eval.pth")
    torch.save({"x": Runs(exec, f"open({mark!r}, 'w')")}, folder / "runs_exec.pth")
    torch.save({"x": Runs(open, mark, "w")}, folder / "runs_open.pth")
    torch.save({"x": Runs(pathlib.Path.touch, pathlib.PurePosixPath(mark))}, folder / "runs_touch.pth")
    torch.save({"model": weights, "args": argparse.Namespace(lr=command)}, folder / "runs_within.pth")
    torch.save({"x": Runs(subprocess.call, ["touch", mark])}, folder / "runs_call.pth")
    for protocol in (2, 3, 4, 5):
        (folder / f"runs_bare_{protocol}.pth").write_bytes(pickle.dumps(command, protocol=protocol))
    (folder / "runs_bare_0.pth").write_bytes(pickle.dumps(command, protocol=0))
    text = pickle.dumps(f"echo x > {shlex.quote(mark)}", protocol=0)[:-1]
    (folder / "runs_text.pth").write_bytes(b"cos\nsystem\n(" + text + b"tR.")


if __name__ == "__main__":
    made, starter = pathlib.Path(sys.argv[1]), load_file(sys.argv[2])
    starter = {name: value.float() for name, value in starter.items()}
    for make in (good, trainers, other_types, wrong, no_checkpoints, hostile):
        make(made, starter)

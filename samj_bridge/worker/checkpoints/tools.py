"""The programs that write checkpoints, and how each hands out the weights alone."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["save_alone"]

_PLAIN = "torch.save(model.state_dict(), 'weights.pth')."
_TORCH_EM = (
    "micro_sam.util.export_custom_sam_model(checkpoint_path='best.pt', model_type='vit_b', save_path='weights.pt'),"
    " the export that micro-sam has for its trainers' checkpoints."
)
_LIGHTNING = (
    "torch.save(YourModule.load_from_checkpoint('last.ckpt').model.state_dict(), 'weights.pth'),"
    " where YourModule is your LightningModule and model the network in it."
)
_TOOLS = {
    "torch_em": _TORCH_EM,
    "micro_sam": _TORCH_EM,
    "lightning": _LIGHTNING,
    "lightning_fabric": _LIGHTNING,
    "pytorch_lightning": _LIGHTNING,
    "pytorch-lightning_version": _LIGHTNING,
    "ultralytics": "torch.save(ultralytics.SAM('file.pt').model.state_dict(), 'weights.pth').",
    "deepspeed": "python zero_to_fp32.py FOLDER weights.pth (the script lies in the checkpoint's folder).",
    "peft": "model.merge_and_unload(), then " + _PLAIN,
}


def save_alone(marks: Iterable[str]) -> str:
    """Return what to type to save the weights alone, for the program that `marks` (names in the file) tell of."""
    roots = (mark.partition(".")[0] for mark in marks)
    return next((_TOOLS[root] for root in roots if root in _TOOLS), _PLAIN)

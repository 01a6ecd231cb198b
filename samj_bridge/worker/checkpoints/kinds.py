"""Tells from its bytes what a file is, before anything of it is read as a checkpoint."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path

from samj_bridge.protocol.conversion import HALVES
from samj_bridge.protocol.failures import FailureCode, OperationFailed

__all__ = ["LEGACY", "PAIR", "SAFETENSORS", "TORCH_ZIP", "bad_checkpoint", "kind_of"]

TORCH_ZIP = "torch-zip"
"""What torch has written since 1.6: a zip archive of plain entries, one of them a pickle."""
LEGACY = "torch-legacy"
"""What torch wrote before: pickles, one after the other, then the numbers."""
SAFETENSORS = "safetensors"
PAIR = "pair"
"""What the store makes of two files: a zip archive with a network's checkpoint and its decoder's, as they are."""

_HEAD_BYTES = 4096
_LARGEST_HEADER = 100_000_000
"""Bytes; the safetensors library takes no larger ones either."""
_ARCHIVES = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"7z\xbc\xaf": "7-zip", b"Rar!": "RAR"}
_OBTAIN = "Get the file again from where it is published; a browser's page or a link to it is not the file itself."


def bad_checkpoint(reason: str, message: str, hint: str, **details: object) -> OperationFailed:
    """Return the failure for a file that can't be used; `reason` is its name for programs."""
    return OperationFailed(FailureCode.BAD_CHECKPOINT, message, hint=hint, reason=reason, **details)


def kind_of(path: Path) -> str:
    """Return `TORCH_ZIP`, `LEGACY` or `SAFETENSORS`.

    Raises
    ------
    OperationFailed
        ``bad-checkpoint``: it is none of them; the sentence says what it is instead.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        message = f"{path} can't be read: {error.strerror or error}."
        raise bad_checkpoint("unreadable", message, "Check that the file is there and may be read.") from error
    if not head:
        raise bad_checkpoint("empty", f"{path.name} is empty.", _OBTAIN)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip(path, size)
    if _is_safetensors(head, size):
        return SAFETENSORS
    if head[:1] == b"\x80" and head[1] in (2, 3, 4, 5):
        return LEGACY
    raise _explain(path, head)


def _zip(path: Path, size: int) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        message = f"{path.name} was cut short or is damaged: it begins as a checkpoint, but has no proper end."
        raise bad_checkpoint("truncated", message, _OBTAIN, size=size) from error
    unpacked = sum(entry.file_size for entry in entries)
    # What torch writes is stored as it is: an archive that holds more than it is long was made by something else.
    if unpacked > size:
        message = (
            f"{path.name} is a zip bomb, or no checkpoint: its {size / 1e6:.1f} MB would unpack to"
            f" {unpacked / 1e6:,.0f} MB, and what torch writes is not packed. It was not unpacked."
        )
        hint = "Don't use this file. If it is an archive that holds a checkpoint, unpack it and take that file."
        raise bad_checkpoint("zip-bomb", message, hint, size=size, unpacked=unpacked)
    names = [entry.filename for entry in entries]
    if tuple(names) == HALVES:
        return PAIR
    if any(name.endswith("constants.pkl") for name in names):
        message = f"{path.name} is a TorchScript program, not a checkpoint: it holds code besides the weights."
        raise bad_checkpoint("torchscript", message, "Take the publisher's checkpoint with the weights alone.")
    if not any(name.count("/") == 1 and name.endswith("/data.pkl") for name in names):
        held = ", ".join(names[:5]) or "nothing"
        message = f"{path.name} is a zip archive, but no checkpoint: it holds {held}."
        raise bad_checkpoint(
            "archive", message, "Unpack it, and take the checkpoint that is in it.", members=names[:50]
        )
    return TORCH_ZIP


def _is_safetensors(head: bytes, size: int) -> bool:
    length = int.from_bytes(head[:8], "little")
    return len(head) > 9 and head[8:9] == b"{" and 2 <= length <= min(_LARGEST_HEADER, size - 8)


def _explain(path: Path, head: bytes) -> OperationFailed:
    """Say what a file is that is no checkpoint."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")) or b"<html" in head[:1000].lower():
        message = f"{path.name} is an HTML page, as servers send it with an error or a login, not a checkpoint."
        return bad_checkpoint("html", message, _OBTAIN)
    if head.startswith(b"version https://git-lfs"):
        message = f"{path.name} is a pointer of Git LFS, not the checkpoint that it points to."
        return bad_checkpoint("lfs-pointer", message, "Run `git lfs pull` in its repository, or download the file.")
    for mark, name in _ARCHIVES.items():
        if head.startswith(mark):
            message = f"{path.name} is packed with {name}: it is an archive, not a checkpoint."
            return bad_checkpoint("archive", message, "Unpack it, and take the checkpoint that is in it.")
    if _is_pickle(head):
        message = f"{path.name} is a pickle, but not one that torch wrote. Nothing of it was run."
        return bad_checkpoint("pickle", message, "Take a checkpoint made by torch.save, or a safetensors file.")
    if _is_text(head):
        return _explain_text(path, head)
    message = f"{path.name} is no checkpoint of a known form: it begins with the bytes {head[:8].hex(' ')}."
    return bad_checkpoint("unknown-form", message, "Take a .pt, .pth or .safetensors file.")


def _explain_text(path: Path, head: bytes) -> OperationFailed:
    if b'"weight_map"' in head:
        message = f"{path.name} is the index of a checkpoint in several files, not the weights themselves."
        hint = "Save them as one file: model.save_pretrained(FOLDER, max_shard_size='100GB')."
        return bad_checkpoint("sharded", message, hint)
    line = head.decode("utf-8", "replace").strip().splitlines()[0][:60] if head.strip() else ""
    message = f"{path.name} is a text file, not a checkpoint: it begins with {line!r}."
    return bad_checkpoint("text", message, _OBTAIN)


def _is_text(head: bytes) -> bool:
    try:
        # A letter may be cut at the end of what was read.
        text = head.decode("utf-8") if len(head) < _HEAD_BYTES else head[:-4].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)


def _is_pickle(head: bytes) -> bool:
    count = 0
    try:
        for _ in pickletools.genops(head):
            count += 1
    except Exception:  # noqa: BLE001 - it is cut off somewhere; how many steps made sense is the question
        return count > 20
    return count > 1

"""The one tree of errors.

::

    SamjError                 code, message, hint, details
    ├── InputError            what was handed in can't be used (also a ValueError)
    │   ├── ImageError        the pixels
    │   └── PromptError       a box, point or mask
    ├── FileError             a file or folder can't be read or written
    │   └── NoSpaceError      the disk is full
    ├── InstallError          the environment could not be made, found or removed
    │   ├── NetworkError      a server could not be reached or broke off
    │   └── ProbeError        the environment was made, but does not work
    ├── DownloadError         a file could not be fetched
    │   ├── HashMismatch      what came is another file, or a damaged one
    │   └── SizeMismatch      what is offered or came has another size
    ├── ModelError            an unknown model, a damaged or wrong checkpoint
    ├── WorkerError           the worker answered with a failure
    │   ├── WorkerCrashed     its process ended
    │   ├── WorkerTimeout     it did not answer in time
    │   ├── ProtocolMismatch  it speaks another version
    │   └── OutOfMemory       the image or batch did not fit
    ├── FijiError             Java, ImageJ or Fiji is missing or refused
    └── Cancelled             the user stopped it

A class exists only where a caller reacts to it; everything else is told apart by ``code``.
"""

from __future__ import annotations

from typing import Any

__all__ = [
    "Cancelled",
    "DownloadError",
    "FijiError",
    "FileError",
    "HashMismatch",
    "ImageError",
    "InputError",
    "InstallError",
    "ModelError",
    "NetworkError",
    "NoSpaceError",
    "OutOfMemory",
    "ProbeError",
    "PromptError",
    "ProtocolMismatch",
    "SamjError",
    "SizeMismatch",
    "WorkerCrashed",
    "WorkerError",
    "WorkerTimeout",
]


class SamjError(Exception):
    """Root of every error that samj-bridge raises on purpose.

    Parameters
    ----------
    message : str
        What happened, with the values on both sides, and what was left behind.
    code : str, optional
        Stable, hyphenated name for programs; the class's own by default.
    hint : str
        What to do next: a sentence or a command.
    **details : Any
        Fields for programs (paths, sizes, hashes).
    """

    code = "error"

    def __init__(self, message: str, *, code: str | None = None, hint: str = "", **details: Any) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.hint = hint
        self.details = details

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data, as ``--json`` prints it."""
        return {"code": self.code, "message": self.message, "hint": self.hint, "details": self.details}


class InputError(SamjError, ValueError):
    """What was handed in can't be used."""

    code = "bad-input"


class ImageError(InputError):
    """The pixels can't be used: shape, dtype, size or content."""

    code = "bad-image"


class PromptError(InputError):
    """A box, point or mask prompt can't be used."""

    code = "bad-prompt"


class FileError(SamjError):
    """A file or folder can't be read or written."""

    code = "file"


class NoSpaceError(FileError):
    """The disk is full, or too full for what is planned."""

    code = "no-space"


class InstallError(SamjError):
    """The environment could not be made, found or removed."""

    code = "install"


class NetworkError(InstallError):
    """A server could not be reached, refused, or broke off."""

    code = "network"


class ProbeError(InstallError):
    """The environment was made, but does not work."""

    code = "probe-failed"


class DownloadError(SamjError):
    """A file could not be fetched; ``details["attempts"]`` says what each address answered."""

    code = "download"


class HashMismatch(DownloadError):
    """What came is another file than was asked for, or a damaged one: nothing of it is kept."""

    code = "wrong-hash"


class SizeMismatch(DownloadError):
    """What is offered, or what came, has another size than it should."""

    code = "wrong-size"


class ModelError(SamjError):
    """An unknown model, or a checkpoint that is damaged or another architecture's."""

    code = "model"


class WorkerError(SamjError):
    """The worker answered with a failure."""

    code = "worker"


class WorkerCrashed(WorkerError):
    """The worker's process ended while it was needed."""

    code = "worker-crashed"


class WorkerTimeout(WorkerError):
    """The worker did not answer within the time given."""

    code = "worker-timeout"


class ProtocolMismatch(WorkerError):
    """Host and worker speak different versions of the protocol."""

    code = "protocol-mismatch"


class OutOfMemory(WorkerError):
    """The image or batch did not fit into memory."""

    code = "out-of-memory"


class FijiError(SamjError):
    """Java, ImageJ or Fiji is missing or refused."""

    code = "fiji"


class Cancelled(SamjError):
    """The user stopped it."""

    code = "cancelled"

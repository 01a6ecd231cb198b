"""What goes wrong while a file is read, told with its name, the reason and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samj_bridge.errors import FileError, ImageError, SamjError
from samj_bridge.reading.tiff.shown import NotShown

__all__ = ["told"]


@contextmanager
def told(path: Path, doing: str = "") -> Iterator[None]:
    """Let a file's own errors out as ours.

    Parameters
    ----------
    path : Path
        The image.
    doing : str
        What was being read, where that was a part of it.

    Raises
    ------
    FileError, ImageError
        Whatever was raised inside; errors of ours come through as they are.
    """
    try:
        yield
    except SamjError:
        raise
    except FileNotFoundError as error:
        message = f"There is no file {str(path)!r}."
        raise FileError(message, hint="Check the path.", path=str(path)) from error
    except IsADirectoryError as error:
        message = f"{str(path)!r} is a folder."
        raise FileError(message, hint="Name the image in it.", path=str(path)) from error
    except PermissionError as error:
        message = f"No permission to read {str(path)!r}."
        hint = "Change the file's permissions or copy it elsewhere."
        raise FileError(message, hint=hint, path=str(path)) from error
    except MemoryError as error:
        message = f"{path.name} does not fit into memory."
        hint = "Crop it, or use a machine with more memory."
        raise ImageError(message, code="image-too-large", hint=hint) from error
    except Exception as error:  # decoders raise whatever they like on damaged data
        reason = str(error).splitlines()[0].strip().rstrip(".") if str(error).strip() else type(error).__name__
        what = f"{doing} of {path.name} can't be read" if doing else f"{path.name} can't be read as an image"
        hint = "Is it complete? Open it in ImageJ or Fiji and save it again as TIFF."
        if doing:
            hint = (
                "Is the file still there and complete, and its drive connected? What was read before stays usable."
            )
        if isinstance(error, NotShown):
            hint = "The file may be whole: save what you see as RGB or grey TIFF in the program that made it."
        message = f"{what}: {reason}."
        raise FileError(message, hint=hint, path=str(path)) from error

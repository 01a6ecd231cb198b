"""Where the weights of a model lie that a worker is to load: in the package, or in the store."""

from __future__ import annotations

from pathlib import Path

from samj_bridge.errors import ModelError, SamjError
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings

__all__ = ["is_installed", "weights_file"]


def weights_file(entry: ModelEntry, settings: Settings | None = None) -> Path:
    """Return the path of the weights of a model: a safetensors file that is there.

    Parameters
    ----------
    entry : ModelEntry
        The model.
    settings : Settings, optional
        Whose store is asked; read from ``SAMJ_*`` variables by default.

    Raises
    ------
    ModelError
        ``model-not-installed``, ``model-not-converted``, ``model-changed``, ``bad-record``, or
        ``weights-missing``: the file has gone.
    """
    if entry.file is None:
        return Store(settings or Settings.from_environment()).weights_of(entry)
    if not entry.file.is_file():
        message = f"The weights of the model {entry.id!r} are not at {entry.file}."
        raise ModelError(message, code="weights-missing", hint="Install samj-bridge again.", path=str(entry.file))
    return entry.file


def is_installed(entry: ModelEntry, settings: Settings) -> bool:
    """Whether a model can be used without fetching anything for it."""
    try:
        weights_file(entry, settings)
    except ModelError as error:
        # A file that came before there was an environment is converted at its first use.
        return error.code == "model-not-converted"
    except SamjError:
        return False
    return True

"""The models there are: samj-bridge's own catalog, a laboratory's, and what the user imported."""

from __future__ import annotations

import difflib
import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from samj_bridge.errors import ModelError
from samj_bridge.models.entry import ModelEntry
from samj_bridge.models.schema import entry_from_table, problems_of_recommendations
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings, as_path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["catalog", "find_model", "packaged_catalog", "read_catalog"]

_FOLDER = Path(__file__).parent


def catalog(settings: Settings | None = None) -> Mapping[str, ModelEntry]:
    """Return every model by its id: the packaged ones, those of ``SAMJ_CATALOG``, and the user's own.

    A later one takes the place of an earlier one of the same id, as a whole.

    Raises
    ------
    ModelError
        ``bad-catalog``: the user's catalog can't be used; every problem is named.
    """
    settings = settings or Settings.from_environment()
    entries = dict(packaged_catalog())
    if settings.catalog:
        entries.update(read_catalog(as_path(settings.catalog)))
    entries.update(Store(settings).own_entries())
    return MappingProxyType(entries)


@functools.cache
def packaged_catalog() -> Mapping[str, ModelEntry]:
    """Return the models of ``catalog.toml`` by their ids."""
    return MappingProxyType(read_catalog(_FOLDER / "catalog.toml", origin="samj-bridge", plain_http=False))


def read_catalog(path: Path, *, origin: str = "", plain_http: bool = True) -> dict[str, ModelEntry]:
    """Read a catalog file.

    Parameters
    ----------
    path : Path
        A TOML file in the form of ``catalog.toml``.
    origin : str
        Whose it is; its path by default.
    plain_http : bool
        Whether addresses may be plain http.

    Raises
    ------
    ModelError
        ``bad-catalog``: it can't be read, or something in it is wrong; ``details["problems"]`` has everything.
    """
    tables = _tables(path)
    entries: dict[str, ModelEntry] = {}
    problems: list[str] = []
    for name, table in tables.items():
        entry, found = entry_from_table(name, table, path.parent, origin or str(path), plain_http=plain_http)
        problems += [f"[{name}] {problem}" for problem in found]
        if entry is not None:
            entries[name] = entry
    problems += problems_of_recommendations(list(entries.values()))
    if problems:
        shown = "".join(f"\n  {problem}." for problem in problems)
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        message = f"The catalog {path} has {count}:{shown}"
        hint = "Correct the file; docs/reference/models.md says what each field means."
        raise ModelError(message, code="bad-catalog", hint=hint, path=str(path), problems=problems)
    return entries


def find_model(name: str, settings: Settings | None = None) -> ModelEntry:
    """Return a model by its id.

    Raises
    ------
    ModelError
        ``unknown-model``: there is none; the nearest ones are named.
    """
    known = catalog(settings)
    entry = known.get(name)
    if entry is None:
        near = _nearest(str(name), list(known))
        message = f"There is no model {name!r}."
        if near:
            hint = f"Did you mean {' or '.join(near)}? All of them: samj-bridge models list"
        else:
            hint = f"Known models: {', '.join(known)}."
        raise ModelError(message, code="unknown-model", hint=hint, model=str(name), nearest=near)
    return entry


def _tables(path: Path) -> Mapping[str, Any]:
    try:
        tables: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return tables
    except OSError as error:
        message = f"The catalog {path} can't be read: {error.strerror or error}."
        hint = "Correct SAMJ_CATALOG or --catalog, or leave it out."
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = f"The catalog {path} is no TOML file: {error}."
        hint = "Correct the file; samj_bridge/models/catalog.toml is an example of the form."
    raise ModelError(message, code="bad-catalog", hint=hint, path=str(path), problems=[message])


def _nearest(name: str, known: list[str]) -> list[str]:
    wanted = name.strip().lower().replace("_", "-").replace(" ", "-")
    if wanted in known:
        return [wanted]
    parts = [item for item in known if len(wanted) > 2 and wanted in item]
    close = difflib.get_close_matches(wanted, known, n=3, cutoff=0.5)
    return list(dict.fromkeys([*close, *parts]))[:4]

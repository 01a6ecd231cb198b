"""A store with a catalog of its own, for tests that need no network and no worker."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fakes.model_files import write_catalog

from samj_bridge.download import Digests
from samj_bridge.models import ModelEntry, find_model
from samj_bridge.models.obtain import obtain
from samj_bridge.models.record import Acceptance, Record, Weights
from samj_bridge.models.store import Store
from samj_bridge.settings import Settings

DATA = os.urandom(300_000)
YES = Acceptance("MIT", "not-needed", "2026-01-01")


class Bed:
    """A store with a catalog of its own, offline."""

    def __init__(self, tmp_path: Path, **models: dict[str, Any]) -> None:
        path = write_catalog(tmp_path / "lab é.toml", **models)
        self.settings = Settings(home=tmp_path / "home é漢", catalog=str(path), offline=True)
        self.store = Store(self.settings)
        self.incoming = self.settings.incoming_dir
        self.incoming.mkdir(parents=True)

    def entry(self, name: str = "ours") -> ModelEntry:
        return find_model(name, self.settings)

    def obtain(self, name: str = "ours", **options: Any) -> Record:
        return obtain(self.entry(name), self.store, YES, **options)

    def convert(self, record: Record, content: bytes = b"converted") -> Record:
        """Do as a worker would."""
        part = self.store.part_path(record.source)
        part.write_bytes(content)
        with self.store.changing():
            weights = Weights(Digests.of(content).sha256, len(content), "starter-1", 3)
            return self.store.add_weights(record, part, weights)

    def files(self) -> set[str]:
        """Everything in the store but locks."""
        return {
            path.relative_to(self.store.folder).as_posix()
            for path in self.store.folder.rglob("*")
            if path.is_file() and ".lock" not in path.name
        }

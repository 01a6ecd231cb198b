"""napari with the widget, on the real worker; ``tests/in_napari/test_napari.py`` runs this in its environment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from person import Person

from samj_bridge.napari.asking import Asker
from samj_bridge.napari.samples import blobs
from samj_bridge.session import Session
from samj_bridge.settings import Settings


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    """One worker for all tests, and what answers are compared with."""
    with Session("starter", settings=Settings.from_environment()) as opened:
        yield opened


@pytest.fixture
def asker(session: Session) -> Asker:
    """Answers as the widget's own does, but the session stays open when a test closes its viewer."""
    asker = Asker(Settings.from_environment(), lambda model, **options: session)
    asker.close = asker.forget_images  # type: ignore[method-assign]
    return asker


@pytest.fixture
def pixels() -> np.ndarray[Any, Any]:
    """ImageJ's blobs, as the sample data give them."""
    return blobs()[0][0]


@pytest.fixture
def person(make_napari_viewer: Any, qtbot: Any, asker: Asker) -> Iterator[Person]:
    """Somebody in front of a viewer."""
    somebody = Person(make_napari_viewer(show=True), qtbot, asker)
    yield somebody
    somebody.leave()

"""No call is silent or deaf for long: the starter says something between any two steps of its network, and listens.

Times are not asserted: what is counted is how much is said for each tile, and what is still said after a cancel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from samj_bridge.errors import Cancelled
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.session import Prompt, Scene, Session
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker

SIDE = 2400
NOISE = np.random.default_rng(3).integers(0, 256, (SIDE, SIDE), np.uint8)


@pytest.fixture(scope="module")
def session(ready_home, tmp_path_factory) -> Iterator[Session]:
    home = tmp_path_factory.mktemp("home")
    (home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    settings = Settings(home=home, ahead=False, encodings_disk_bytes=0)
    with Session("starter", settings=settings) as opened:
        yield opened


class Listening:
    """Notes what is told, and cancels at a message."""

    def __init__(self, stop_at: int = 0) -> None:
        self.told: list[ProgressEvent] = []
        self.stop_at, self.token = stop_at, CancelToken()

    def __call__(self, event: ProgressEvent) -> None:
        self.told.append(event)
        if len(self.told) == self.stop_at:
            self.token.cancel()


def click(scene: Scene, listening: Listening) -> None:
    scene.segment(Prompt(points=[(SIDE // 2, SIDE // 2)]), progress=listening, cancel=listening.token)


def everything(scene: Scene, listening: Listening) -> None:
    scene.everything(within=(0, 0, 300, 300), progress=listening, cancel=listening.token)


def test_what_needs_several_tiles_says_for_each_how_far_it_is(session):
    listening = Listening()
    with session.encode(NOISE) as scene:
        before = session.stats()["encoded"]
        asked = [Prompt(points=[(30, 40)]), Prompt(points=[(SIDE - 40, SIDE - 30)]), Prompt(box=(0, 0, SIDE, SIDE))]
        scene.segment(asked, progress=listening)
        tiles = session.stats()["encoded"] - before
    assert tiles >= 3
    words = [event.message for event in listening.told]
    assert len({one for one in words if one.startswith("Encoding tile")}) == tiles
    for place in {one for one in words if one.startswith("Encoding tile")}:
        parts = [event.done for event in listening.told if event.message == place]
        # One network call for a tile, with words before and after it.
        assert len(parts) >= 2
        assert parts == sorted(parts)
        assert parts[0] == 0.0


@pytest.mark.parametrize("stop_at", [1, 4, 9])
@pytest.mark.parametrize("work", [click, everything])
def test_a_cancel_is_heard_between_any_two_steps(session, work: Callable[[Scene, Listening], None], stop_at: int):
    listening = Listening(stop_at)
    # Other pixels each time: nothing is found encoded.
    image = np.roll(NOISE, 7 * stop_at + (work is click), axis=0)
    with session.encode(image) as scene:
        before = session.stats()["encoded"]
        with pytest.raises(Cancelled):
            work(scene, listening)
        # What was under way when it was cancelled may still say so; nothing new is begun.
        assert len(listening.told) <= stop_at + 3
        assert session.stats()["encoded"] <= before + 1
        again = Listening()
        click(scene, again)
        assert again.told
    assert session.stats()["restarts"] == 0

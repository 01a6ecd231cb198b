"""The public API: a session with a worker, scenes, prompts, what is wanted of their answers."""

from samj_bridge.protocol.segment import Wanted
from samj_bridge.session.prompts import Prompt
from samj_bridge.session.scene import Scene
from samj_bridge.session.session import Session

__all__ = ["Prompt", "Scene", "Session", "Wanted"]

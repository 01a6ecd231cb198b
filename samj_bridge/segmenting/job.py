"""What is done with each image of a run, and what came of one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samj_bridge.reading import Wish
from samj_bridge.session import Prompt, Wanted
from samj_bridge.settings import Settings
from samj_bridge.version import __version__

__all__ = ["Done", "Job"]


@dataclass(frozen=True)
class Job:
    """How images are segmented, and where results go."""

    output: Path
    """Folder for the results."""
    formats: Sequence[str]
    """Names of exporters."""
    prompts: Callable[[str], Sequence[Prompt]]
    """Returns the prompts for an image by its file name."""
    model: str = "starter"
    """Model id."""
    wish: Wish = field(default_factory=Wish)
    """Which series, plane, channels and level of each image."""
    ranges: tuple[float, float] | None = None
    """Display range; None: robust percentiles of each image."""
    wanted: Wanted = field(default_factory=Wanted)
    """Regions per prompt (more than one are all written, named by prompt and rank), and what is kept of each."""
    everything: Mapping[str, Any] | None = None
    """Options of `Scene.everything`, which takes the place of prompts; None: prompts."""
    overwrite: bool = False
    """Whether results that are there already may be replaced."""
    labels: str | None = None
    """Name of labels of any size, see `samj_bridge.segmenting.label_output`; None: none."""
    rows: bool = False
    """Whether each object is measured for a table."""

    def made_by(self, image: str, weights: str, settings: Settings) -> dict[str, Any]:
        """Return what decides the results of an image, but for its content: plain data.

        Parameters
        ----------
        image : str
            Its file name.
        weights : str
            What tells the model's weights from others.
        settings : Settings
            Whose precision counts. On which device is computed does not: a run may go on elsewhere.
        """
        options = {
            "formats": sorted(self.formats),
            "labels": self.labels,
            "wish": vars(self.wish),
            "ranges": self.ranges,
            "wanted": vars(self.wanted),
            "everything": self.everything,
            "precision": settings.precision,
        }
        asked = [{**prompt.to_dict(), "position": prompt.position} for prompt in self.prompts(image)]
        made = {
            "version": __version__,
            "model": self.model,
            "weights": weights,
            "options": options,
            "prompts": hashlib.sha256(json.dumps(asked).encode()).hexdigest() if asked else "",
        }
        # As JSON has it: what is read again must be equal.
        plain: dict[str, Any] = json.loads(json.dumps(made, default=list))
        return plain


@dataclass
class Done:
    """One finished image."""

    image: Path
    objects: int
    empty: int
    encode_ms: float
    prompts_ms: float
    files: list[Path]
    taken: str
    """What was read of the file, in one line."""
    taken_data: dict[str, Any]
    """The same as data."""
    message: str = ""
    """Which prompts were left out, and what everything mode says of its search."""
    rows: list[dict[str, Any]] | None = None
    """Its objects' measures; None: they were not asked for."""
    stem: str = ""
    """How its results are called."""
    skipped: bool = False
    """Whether its results were there already, from an earlier run."""

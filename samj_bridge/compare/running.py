"""Methods beside each other, on the same images, against the same truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from samj_bridge.compare.methods import Effort, check_methods, check_models, methods_of
from samj_bridge.compare.picture import Picture, read_pictures
from samj_bridge.compare.scores import Score, averaged, pooled, score
from samj_bridge.errors import Cancelled, InputError, SamjError
from samj_bridge.evaluate.objects import Objects
from samj_bridge.models import catalog, is_installed
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, ignore_progress, notify
from samj_bridge.segmenting.run import unforeseen_error
from samj_bridge.settings import Settings

__all__ = ["Compared", "Comparison", "compare"]


@dataclass
class Compared:
    """What came of one method."""

    name: str
    scores: list[Score] = field(default_factory=list)
    """One for each image."""
    found: list[Objects] = field(default_factory=list)
    """What it found in each image."""
    download_mb: float | None = None
    """Of its model."""
    peak_mb: float | None = None
    """Most memory of its worker."""

    @property
    def pooled(self) -> dict[str, float]:
        """Measures over all objects."""
        return pooled(self.scores)

    @property
    def averaged(self) -> dict[str, float]:
        """Means over images."""
        return averaged(self.scores)

    @property
    def machine_s(self) -> float:
        """Seconds of the machine for an image, in the mean."""
        return sum(one.machine_s for one in self.scores) / len(self.scores)

    @property
    def person_s(self) -> float | None:
        """Seconds of a person for an image, in the mean; None: nobody said."""
        told = [one.person_s for one in self.scores if one.person_s is not None]
        return sum(told) / len(self.scores) if len(told) == len(self.scores) else None


@dataclass
class Comparison:
    """What came of all methods."""

    pictures: list[Picture]
    methods: list[Compared]
    effort: Effort
    tolerance_px: float
    """Of outlines."""
    failures: list[SamjError] = field(default_factory=list)
    """Methods that could not be run; each names its method."""


def compare(
    images: Sequence[Path],
    truth: Path,
    methods: Sequence[str] | None = None,
    *,
    found: dict[str, Path] | None = None,
    person: dict[str, float] | None = None,
    effort: Effort | None = None,
    tolerance_px: float = 2.0,
    settings: Settings | None = None,
    progress: Progress = ignore_progress,
    cancel: CancelToken | None = None,
) -> Comparison:
    """Compare methods on images with known objects (docs/how-to/comparing.md).

    Parameters
    ----------
    images : sequence of Path
        Image files.
    truth : Path
        Label image or outlines of the only image, or a folder with one for each.
    methods : sequence of str, optional
        ``MODEL:box``, ``MODEL:point``, ``MODEL:clicks``, ``MODEL:everything``, ``threshold``, ``watershed``,
        ``wand``, ``wand=TOLERANCE``, ``walker``; by default every installed model with a box, a click, everything.
    found : dict of str to Path, optional
        What other programs or people have made, by name.
    person : dict of str to float, optional
        Seconds that a person took for all images, by name of the method.
    effort : Effort, optional
        What clicks and boxes cost, and where clicks land.
    tolerance_px : float
        Of outlines.
    settings : Settings, optional
    progress : callable
    cancel : CancelToken, optional

    Returns
    -------
    Comparison
        A method that fails is left out, and told of in ``failures``.

    Raises
    ------
    InputError
        There is no such method, or none.
    ModelError
        A model is not there.
    SamjError
        Images or truth can't be read; `Cancelled`.
    """
    settings = settings or Settings.from_environment()
    cancel, effort, given, seconds = cancel or CancelToken(), effort or Effort(), found or {}, person or {}
    wanted = default_methods(settings) if methods is None else list(dict.fromkeys(methods))
    check_methods(wanted)
    check_models(wanted, settings)
    _check_names(wanted, given, seconds)
    pictures = read_pictures(images, truth)
    result = Comparison(pictures, [], effort, tolerance_px)
    total = (len(wanted) + len(given)) * len(pictures)
    done = 0
    for method in methods_of(wanted, given, seconds, effort, len(pictures), settings, progress, cancel):
        compared = Compared(method.name, download_mb=method.download_mb)
        try:
            for number, picture in enumerate(pictures):
                cancel.check()
                words = f"{method.name}: {picture.name}"
                notify(progress, ProgressEvent("compare", words, done + number, total, "images"))
                answer = method.answer(picture)
                compared.found.append(answer.objects)
                machine, human = answer.machine_s, answer.person_s
                if method.name in seconds:
                    human = seconds[method.name] / len(pictures)
                compared.scores.append(
                    score(
                        picture.name,
                        picture.truth,
                        answer.objects,
                        tolerance_px=tolerance_px,
                        machine_s=machine,
                        person_s=human,
                    )
                )
        except Cancelled:
            raise
        except Exception as unknown:  # noqa: BLE001 (libraries fail in ways of their own; the others go on)
            error = unknown if isinstance(unknown, SamjError) else unforeseen_error(unknown)
            error.message = f"{method.name}: {error.message}"
            result.failures.append(error)
        else:
            compared.peak_mb = method.peak_mb
            result.methods.append(compared)
        done += len(pictures)
    return result


def default_methods(settings: Settings) -> list[str]:
    """Return every installed model with each kind of prompt that it takes."""
    found = []
    for entry in (entry for entry in catalog(settings).values() if is_installed(entry, settings)):
        if "box" in entry.prompts:
            found.append(f"{entry.id}:box")
        if "points" in entry.prompts:
            found += [f"{entry.id}:point", f"{entry.id}:everything"]
    return found


def _check_names(wanted: Sequence[str], given: dict[str, Path], seconds: dict[str, float]) -> None:
    names = [*wanted, *given]
    if not names:
        raise InputError("No method was given.", hint="Use --methods, or --found NAME=FILE.")
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        message = f"Two methods have the name {', '.join(sorted(twice))}."
        raise InputError(message, hint="Give what was found another name.")
    strange = [name for name in seconds if name not in names]
    if strange:
        message = f"Seconds were given for {', '.join(strange)}: there is no such method."
        raise InputError(message, hint=f"Methods: {', '.join(names)}.")

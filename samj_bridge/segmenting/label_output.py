"""``--labels NAME``: where an image's labels go, of any size: into its own OME-Zarr, else to a tiled BigTIFF."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from samj_bridge.export.calibration import Calibration
from samj_bridge.export.label_pyramid import LabelPyramid, write_label_pyramid
from samj_bridge.export.tiled_labels import write_tiled_labels
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.reading import Chosen
from samj_bridge.reading.vendors.ngff import is_zarr, multiscales_of
from samj_bridge.segmenting.save import refuse_existing

__all__ = ["LabelOutput", "label_output"]


@dataclass(frozen=True)
class LabelOutput:
    """Labels that will be written."""

    name: str
    """What they are called."""
    target: Path
    """The OME-Zarr image that they are written into, or the TIFF."""
    place: dict[str, int] | None
    """Slice and frame in the OME-Zarr, from 0; None: it is a TIFF."""
    overwrite: bool
    """Whether labels that are there may be replaced."""

    def check(self) -> None:
        """Look whether they can be written, before anything is searched.

        Raises
        ------
        FileError, InputError
            They are there already, or the name can't be one.
        """
        if self.place is not None:
            LabelPyramid(self.target, self.name, place=self.place, overwrite=self.overwrite)
        elif not self.overwrite:
            refuse_existing({"labels": self.target})

    def write(
        self,
        regions: Iterable[Region],
        shape: tuple[int, int],
        calibration: Calibration | None,
        progress: Progress,
        cancel: CancelToken,
    ) -> Path:
        """Write them; regions may be a stream. Returns the file or folder."""

        def check(fraction: float) -> None:
            cancel.check()
            notify(progress, ProgressEvent("labels", f"Writing the labels {self.name}", fraction, 1.0))

        if self.place is None:
            return write_tiled_labels(self.target, regions, shape, calibration, check=check)
        return write_label_pyramid(
            self.target, self.name, regions, place=self.place, overwrite=self.overwrite, check=check
        )


def label_output(path: Path, name: str, chosen: Chosen, folder: Path, stem: str, *, overwrite: bool) -> LabelOutput:
    """Return where the labels of an image go.

    Parameters
    ----------
    path : Path
        The image.
    name : str
        What its labels are called.
    chosen : Chosen
        Its plane that is segmented.
    folder : Path
        For results.
    stem : str
        How results of this image are called.
    overwrite : bool
        Whether results that are there may be replaced.
    """
    images = multiscales_of(path) if is_zarr(path) else []
    if images:
        place = {axis.lower(): at for axis, at in chosen.place.items()}
        return LabelOutput(name, images[chosen.series.index].folder, place, overwrite)
    return LabelOutput(name, folder / f"{stem}_{name}.btf", None, overwrite)

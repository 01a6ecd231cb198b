"""``samj-bridge demo``: the main job on the bundled images, checked in a real ImageJ."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from samj_bridge.cli.demo_images import DEMO_IMAGES, DemoImage, load_demo_image
from samj_bridge.cli.result import Line, Result, styled
from samj_bridge.errors import FijiError
from samj_bridge.export.output import MARK
from samj_bridge.geometry.region import Region
from samj_bridge.install import ensure_environment
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.segmenting.input_image import Overview
from samj_bridge.segmenting.save import make_output_folder, result_files, save_regions
from samj_bridge.session import Session
from samj_bridge.settings import Settings

__all__ = ["mean_iou", "run"]

_FORMATS = ("roi", "labels", "overlay")


@dataclass(frozen=True)
class _Row:
    """One line of the demo's table."""

    image: str
    title: str
    objects: int
    mean_iou: float
    """Mean over objects of the IoU with the reference label."""
    encode_ms: float
    prompt_ms: float
    """Median over the prompts, from the call to the `Region`."""
    imagej: str
    """What ImageJ says of the ROIs: ``exact``, ``n px off``, or why it was not asked."""
    files: list[Path]


def run(settings: Settings, *, output: Path, imagej: bool, progress: Progress, cancel: CancelToken) -> Result:
    """Set up what is missing, segment the bundled images, make and check the ROIs in ImageJ, save everything."""
    make_output_folder(output)
    environment = ensure_environment(settings, progress=progress, cancel=cancel)
    excuse = _start_imagej(progress) if imagej else "not asked"
    rows = []
    with Session(
        "starter", settings=settings, environment=environment, progress=progress, cancel=cancel
    ) as session:
        for number, name in enumerate(DEMO_IMAGES):
            cancel.check()
            notify(progress, ProgressEvent("segment", f"Segmenting {name}", number, len(DEMO_IMAGES), "images"))
            rows.append(_one_image(session, load_demo_image(name), output, excuse))
    picture = _montage([path for row in rows for path in row.files if path.suffix == ".png"], output / "demo.png")
    wrong = [row for row in rows if excuse == "" and row.imagej != "exact"]
    return Result(
        "demo",
        data={
            "images": [_as_data(row) for row in rows],
            "output": str(output),
            "picture": str(picture),
            "imagej": excuse or "used",
        },
        tables=[_table(rows)],
        lines=_words(rows, picture, excuse),
        ok=not wrong,
    )


def mean_iou(regions: Sequence[Region], labels: NDArray[np.uint16]) -> float:
    """Return the mean IoU of each region with the reference object that it overlaps most."""
    values = []
    for region in regions:
        mask = region.mask(labels.shape)
        inside = np.bincount(labels[mask].astype(np.int64), minlength=1)
        inside[0] = 0
        if not inside.any():
            values.append(0.0)
            continue
        best = labels == inside.argmax()
        values.append(float((mask & best).sum() / (mask | best).sum()))
    return statistics.fmean(values) if values else 0.0


def _start_imagej(progress: Progress) -> str:
    """Start ImageJ; return why not, or nothing when it runs."""
    from samj_bridge.fiji import start_imagej

    notify(progress, ProgressEvent("imagej", "Starting ImageJ (the first time it is fetched from Maven Central)"))
    try:
        start_imagej()
    except FijiError as error:
        return str(error)
    return ""


def _one_image(session: Session, image: DemoImage, output: Path, excuse: str) -> _Row:
    pixels, ranges = (image.pixels, None) if excuse else _open_in_imagej(image.path)
    start = time.perf_counter()
    with session.encode(pixels, ranges=ranges, name=image.path.name) as scene:
        encode_ms = 1e3 * (time.perf_counter() - start)
        regions: list[Region] = []
        times = []
        for number, prompt in enumerate(image.prompts):
            start = time.perf_counter()
            region = scene.segment(prompt)[0]
            times.append(1e3 * (time.perf_counter() - start))
            regions.append(replace(region, prompt_index=number))
    files = result_files(output, image.name, _FORMATS)
    save_regions(files, regions, shape=scene.shape, overview=Overview(image.pixels))
    verdict = "not asked" if excuse else _check_in_imagej(regions, scene.shape, files["roi"])
    return _Row(
        image.name,
        image.title,
        sum(not region.is_empty for region in regions),
        mean_iou(regions, image.labels),
        encode_ms,
        statistics.median(times),
        verdict,
        list(files.values()),
    )


def _open_in_imagej(path: Path) -> tuple[NDArray[Any], Any]:
    """Let ImageJ open the file, as it would for a user; what she sees is what is segmented."""
    from samj_bridge.fiji import display_ranges, open_image, pixels_of

    imp = open_image(path)
    try:
        return pixels_of(imp), display_ranges(imp)
    finally:
        imp.close()


def _check_in_imagej(regions: Sequence[Region], shape: tuple[int, int], roi_zip: Path) -> str:
    """Make the ROIs in ImageJ, and read the ROI file back there; count pixels that differ from ours."""
    from samj_bridge.fiji import count_mismatches, read_zip_in_imagej, to_roi

    kept = [region for region in regions if not region.is_empty]
    made = count_mismatches(kept, [to_roi(region) for region in kept], shape)
    read = count_mismatches(kept, read_zip_in_imagej(roi_zip), shape)
    return "exact" if made == read == 0 else f"{made + read} px off"


def _table(rows: Sequence[_Row]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for heading in ("image", "objects", "mean IoU", "encode ms", "prompt ms", "ROIs in ImageJ"):
        table.add_column(heading, justify="left" if heading in {"image", "ROIs in ImageJ"} else "right")
    for row in rows:
        table.add_row(
            row.title,
            str(row.objects),
            f"{row.mean_iou:.3f}",
            f"{row.encode_ms:.0f}",
            f"{row.prompt_ms:.1f}",
            row.imagej,
        )
    return table


def _montage(overlays: Sequence[Path], path: Path) -> Path:
    """Put the overlays side by side at one height: the picture to look at first."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    height, gap = 720, 12
    pictures = []
    for overlay in overlays:
        with Image.open(overlay) as image:
            size = (round(image.width * height / image.height), height)
            pictures.append(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
    width = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, height), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap
    marked = PngInfo()
    marked.add_text("Software", f"{MARK} demo")
    sheet.save(path, pnginfo=marked)
    return path


def _words(rows: Sequence[_Row], picture: Path, excuse: str) -> list[Line]:
    beside = ". ROIs (.zip), label images (.tif) and overlays (.png) are beside it:"
    lines: list[Line] = [styled("Look at ", (str(picture), "bold"), beside)]
    lines += [f"  {path}" for row in rows for path in row.files]
    if excuse and excuse != "not asked":
        lines.append(styled(("ImageJ was not used:", "yellow"), f" {excuse}"))
    return lines


def _as_data(row: _Row) -> dict[str, Any]:
    return {**asdict(row), "files": [str(path) for path in row.files]}

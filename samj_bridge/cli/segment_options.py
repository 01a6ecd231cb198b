"""``samj-bridge segment``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Call, Channels, ComputesOn, Overwrite, Precision, Series
from samj_bridge.cli.result import Result
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.protocol.segment import MOST_CANDIDATES, Wanted
from samj_bridge.settings import Settings

__all__ = ["segment"]


def segment(
    call: Call,
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    box: Annotated[list[str] | None, typer.Option(help="x0,y0,x1,y1: edges in pixels; may be repeated.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="x,y inside an object; each is one object.")] = None,
    negative: Annotated[list[str] | None, typer.Option(help="x,y outside, for every box and point given.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="JSON, GeoJSON, a table, .roi or ROI .zip.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(),
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help="Comma-separated: roi, labels, overlay, geojson, coco (default: the first 3; none with --labels).",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Name of labels of any size: into the image's own OME-Zarr, else to a tiled BigTIFF."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model id.")] = "starter",
    series: Series = None,
    plane: Annotated[int | None, typer.Option(help="Plane of a stack, counted from 0.")] = None,
    z: Annotated[int | None, typer.Option("--z", help="Slice of a stack, counted from 0.")] = None,
    t: Annotated[int | None, typer.Option("--t", help="Frame of a stack, counted from 0.")] = None,
    channels: Channels = None,
    level: Annotated[
        int | None,
        typer.Option(
            min=0, help="Level of the file that is looked at, from 0, the full resolution, in which prompts count."
        ),
    ] = None,
    display_range: Annotated[
        str | None, typer.Option("--range", help="low,high: display range instead of the image's percentiles.")
    ] = None,
    candidates: Annotated[
        int, typer.Option(min=1, max=MOST_CANDIDATES, help="Regions per prompt: 1, the best; more are all written.")
    ] = Wanted.candidates,
    everything: Annotated[
        bool, typer.Option("--everything", help="Find all objects, without prompts, object by object.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="With --everything: ask a whole grid, as SAM's generator does.")
    ] = False,
    mode: Annotated[
        str | None,
        typer.Option(help="With --everything: auto (the best the model has), decoder, apg, fast, exact."),
    ] = None,
    center_distance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With a decoder: seeds are nearer to an object's centre; 0 there, 1 at the rim."
        ),
    ] = None,
    boundary_distance: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="With a decoder: the same for the boundary; 0 in the middle, 1 at the rim."
        ),
    ] = None,
    foreground: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="With a decoder: what is more likely than this is an object's."),
    ] = None,
    foreground_smoothing: Annotated[
        float | None,
        typer.Option(min=0, max=50, help="With a decoder, not apg: Gaussian over the foreground, in pixels."),
    ] = None,
    distance_smoothing: Annotated[
        float | None,
        typer.Option(min=0, max=50, help="With a decoder, not apg: Gaussian over the distances, in pixels."),
    ] = None,
    points_per_side: Annotated[
        int | None, typer.Option(min=1, max=256, help="With --everything: points along a side of the grid.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="With --everything: least predicted IoU.")
    ] = None,
    min_stability: Annotated[
        float | None, typer.Option(min=0, max=1, help="With --everything: least stability.")
    ] = None,
    crop_layers: Annotated[
        int, typer.Option(min=0, max=4, help="With --everything --exact: layers of crops to look at as well.")
    ] = 0,
    within: Annotated[
        str | None, typer.Option(help="With --everything: x0,y0,x1,y1; only objects with their middle in it.")
    ] = None,
    object_size: Annotated[
        float | None, typer.Option(help="With --everything: length in pixels of the objects, for large images.")
    ] = None,
    min_area: Annotated[
        int, typer.Option(min=0, help="Drop parts (or objects) of fewer pixels.")
    ] = Wanted.min_area,
    fill_holes: Annotated[bool, typer.Option("--fill-holes", help="Fill holes in objects.")] = Wanted.fill_holes,
    largest_only: Annotated[
        bool, typer.Option("--largest-only", help="Keep an object's largest part only.")
    ] = Wanted.largest_only,
    part: Annotated[
        str | None, typer.Option(help="i/n: only the i-th of n parts of the images, for many machines or jobs.")
    ] = None,
    summary: Annotated[
        Path | None, typer.Option(help="One table of all objects, .csv or .parquet: area, intensities, score.")
    ] = None,
    overwrite: Overwrite = False,
    device: ComputesOn = None,
    precision: Precision = None,
) -> None:
    """Segment images by boxes and points, or everything; write ROIs, label images and overlays."""
    from samj_bridge.cli.commands import segment as command
    from samj_bridge.cli.read_prompts import command_line_prompts, parse_channels, parse_numbers
    from samj_bridge.reading import Wish
    from samj_bridge.segmenting.job import Job
    from samj_bridge.segmenting.listing import parse_part

    def body(settings: Settings, progress: Progress, cancel: CancelToken) -> Result:
        options = command.everything_options(
            wanted=everything,
            exact=exact,
            mode=mode,
            points_per_side=points_per_side,
            pred_iou_thresh=min_score,
            stability_score_thresh=min_stability,
            crop_n_layers=crop_layers or None,
            center_distance_threshold=center_distance,
            boundary_distance_threshold=boundary_distance,
            foreground_threshold=foreground,
            foreground_smoothing=foreground_smoothing,
            distance_smoothing=distance_smoothing,
            within=parse_numbers(within, "x0,y0,x1,y1") if within else None,
            object_px=object_size,
        )
        found = command_line_prompts(box or [], point or [], negative or [], prompts)
        job = Job(
            output=output,
            formats=_names("roi,labels,overlay" if formats is None and labels is None else formats or ""),
            prompts=found.of,
            model=model,
            wish=Wish(series, plane, z, t, parse_channels(channels), level),
            ranges=parse_numbers(display_range, "low,high") if display_range else None,  # type: ignore[arg-type]
            wanted=Wanted(candidates, min_area, fill_holes, largest_only),
            everything=options,
            overwrite=overwrite,
            labels=labels,
            rows=summary is not None,
        )
        chosen = parse_part(part) if part is not None else None
        request = command.Request(images, found, job, chosen, summary)
        return command.run(request, settings, progress=progress, cancel=cancel)

    call.run(body, device=device, precision=precision)


def _names(formats: str) -> list[str]:
    return [name.strip() for name in formats.split(",") if name.strip()]

"""``samj-bridge propagate``: its options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from samj_bridge.cli.options import Call, Channels, ComputesOn, Overwrite, Precision, Series
from samj_bridge.cli.result import Result
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.settings import Settings

__all__ = ["propagate"]


def propagate(
    call: Call,
    stack: Annotated[Path, typer.Argument(help="Image file with several slices or frames.")],
    box: Annotated[list[str] | None, typer.Option(help="x0,y0,x1,y1 on --plane; each is one object.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="x,y on --plane; each is one object.")] = None,
    rois: Annotated[
        Path | None,
        typer.Option(help=".roi or ROI .zip: areas, on the planes of their positions, else on --plane."),
    ] = None,
    plane: Annotated[
        int | None, typer.Option(min=0, help="Plane that --box and --point are on, counted from 0.")
    ] = None,
    start: Annotated[int | None, typer.Option("--from", min=0, help="First plane, from 0; default: all.")] = None,
    stop: Annotated[int | None, typer.Option("--to", min=0, help="Last plane, itself included.")] = None,
    axis: Annotated[str, typer.Option(help="z or t; default: the only axis there is.")] = "",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path(),
    formats: Annotated[
        str, typer.Option("--format", "-f", help="Comma-separated: roi, labels, table.")
    ] = "roi,labels,table",
    model: Annotated[str, typer.Option(help="Model id.")] = "starter",
    engine: Annotated[
        str, typer.Option(help="projection (any model), memory (SAM 2.1), or auto: memory where there is one.")
    ] = "auto",
    min_iou: Annotated[
        float | None, typer.Option(min=0, max=1, help="An object that overlaps less with the plane before is lost.")
    ] = None,
    max_area_ratio: Annotated[
        float | None, typer.Option(min=0, help="One that grows or shrinks by more than this is lost; 0: off.")
    ] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help="One with a lower predicted IoU is lost.")
    ] = None,
    patience: Annotated[int | None, typer.Option(min=0, help="Planes on which a lost one is looked for.")] = None,
    series: Series = None,
    z: Annotated[int | None, typer.Option("--z", help="Slice to stay in, with --axis t; from 0.")] = None,
    t: Annotated[int | None, typer.Option("--t", help="Frame to stay in, with --axis z; from 0.")] = None,
    channels: Channels = None,
    display_range: Annotated[
        str | None, typer.Option("--range", help="low,high: display range instead of the stack's percentiles.")
    ] = None,
    overwrite: Overwrite = False,
    device: ComputesOn = None,
    precision: Precision = None,
) -> None:
    """Follow objects through a stack, from a plane where they are shown; write ROIs, a label stack and a table."""
    from samj_bridge.cli.commands import propagate as command
    from samj_bridge.cli.read_prompts import parse_channels, parse_numbers
    from samj_bridge.reading import Wish

    def body(settings: Settings, progress: Progress, cancel: CancelToken) -> Result:
        given = {
            "min_iou": min_iou,
            "max_area_ratio": max_area_ratio,
            "min_score": min_score,
            "patience": patience,
        }
        request = command.Request(
            stack=stack,
            boxes=[parse_numbers(text, "x0,y0,x1,y1") for text in box or []],
            points=[parse_numbers(text, "x,y") for text in point or []],
            rois=rois,
            plane=plane,
            start=start,
            stop=stop,
            axis=axis,
            output=output,
            formats=[name.strip() for name in formats.split(",") if name.strip()],
            model=model,
            engine=engine,
            rules={name: value for name, value in given.items() if value is not None},
            wish=Wish(series, None, z, t, parse_channels(channels)),
            ranges=parse_numbers(display_range, "low,high") if display_range else None,
            overwrite=overwrite,
        )
        return command.run(request, settings, progress=progress, cancel=cancel)

    call.run(body, device=device, precision=precision)

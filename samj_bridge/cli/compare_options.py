"""``samj-bridge compare``: its options, and what it prints and writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from samj_bridge.cli.options import Call, ComputesOn, Overwrite, Precision, user_path
from samj_bridge.cli.result import Result
from samj_bridge.errors import InputError
from samj_bridge.progress import CancelToken, Progress
from samj_bridge.settings import Settings

if TYPE_CHECKING:
    from samj_bridge.compare.running import Comparison

__all__ = ["compare"]

_FILES = ("compare.md", "compare.csv", "compare.json", "compare.html")


def compare(
    call: Call,
    images: Annotated[list[Path], typer.Argument(help="Images, or folders of images.")],
    truth: Annotated[
        Path, typer.Option(help="Label image, ROIs or GeoJSON of the true objects; of several images a folder.")
    ],
    methods: Annotated[
        str | None,
        typer.Option(
            help="Comma-separated: MODEL:box, :point, :clicks, :everything; threshold, watershed, walker, wand, "
            "wand=TOLERANCE (default: every installed model)."
        ),
    ] = None,
    found: Annotated[
        list[str] | None,
        typer.Option(help="NAME=PATH: what another program or a person made, a file or a folder; may be repeated."),
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(help="METHOD=SECONDS that a person took for all images; may be repeated."),
    ] = None,
    click_seconds: Annotated[float, typer.Option(min=0, help="What a click is taken as.")] = 1.0,
    box_seconds: Annotated[float, typer.Option(min=0, help="What a box is taken as.")] = 3.0,
    seed: Annotated[int, typer.Option(min=0, help="Of where clicks land in an object.")] = 0,
    tolerance: Annotated[float, typer.Option(min=0, help="Pixels within which outlines agree.")] = 2.0,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the tables and the page.")] = Path(
        "samj-compare"
    ),
    overwrite: Overwrite = False,
    device: ComputesOn = None,
    precision: Precision = None,
) -> None:
    """Compare models, classical methods and what others made with true objects: tables, and a page of overlays."""

    def body(settings: Settings, progress: Progress, cancel: CancelToken) -> Result:
        from samj_bridge.compare.methods import Effort
        from samj_bridge.compare.running import compare as run
        from samj_bridge.reading import find_images
        from samj_bridge.segmenting.own_files import without_own
        from samj_bridge.segmenting.save import make_output_folder, refuse_existing

        files = {name: output / name for name in _FILES}
        if not overwrite:
            refuse_existing(files)
        given = {name: user_path(path) for name, path in _pairs(found or [], "--found", "hand=rois.zip").items()}
        comparison = run(
            without_own(find_images(images), images)[0],
            truth,
            None if methods is None else [name.strip() for name in methods.split(",") if name.strip()],
            found=given,
            person=_seconds(person or []),
            effort=Effort(click_seconds, box_seconds, seed),
            tolerance_px=tolerance,
            settings=settings,
            progress=progress,
            cancel=cancel,
        )
        if not comparison.methods:
            return Result("compare", failures=comparison.failures)
        make_output_folder(output)
        return _result(comparison, files)

    call.run(body, device=device, precision=precision)


def _result(comparison: Comparison, files: dict[str, Path]) -> Result:
    import json

    from rich.table import Table

    from samj_bridge.compare.page import as_page
    from samj_bridge.compare.tables import as_csv, as_data, as_markdown, headings, lines
    from samj_bridge.export.output import replacing

    data = as_data(comparison)
    texts = {
        "compare.md": as_markdown(comparison),
        "compare.csv": as_csv(comparison),
        "compare.json": json.dumps(data, indent=1, allow_nan=False) + "\n",
        "compare.html": as_page(comparison),
    }
    for name, path in files.items():
        with replacing(path, path.suffix) as draft:
            draft.write_text(texts[name], encoding="utf-8", errors="replace")
    tables = []
    for kind, title in (("pooled", "all objects together"), ("averaged", "means over images")):
        table = Table(box=None, header_style="bold", title=title, title_justify="left")
        for heading in headings():
            table.add_column(heading, justify="left" if heading == "method" else "right")
        for line in lines(comparison, kind):
            table.add_row(*line)
        tables.append(table)
    told: dict[str, Any] = {**data, "files": [str(path) for path in files.values()]}
    return Result(
        "compare",
        data=told,
        tables=tables,
        lines=[str(path) for path in files.values()],
        failures=comparison.failures,
    )


def _pairs(texts: list[str], option: str, example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        # A method's name may have a sign of equality itself; a path may, too.
        name, _, value = text.rpartition("=") if option == "--person" else text.partition("=")
        if not name or not value or name in pairs:
            why = "is given twice" if name in pairs else "is no name with a value"
            message = f"{option} {text!r} {why}."
            raise InputError(message, hint=f"For example {option} {example}.")
        pairs[name] = value
    return pairs


def _seconds(texts: list[str]) -> dict[str, float]:
    found = {}
    for name, text in _pairs(texts, "--person", "hand=300").items():
        try:
            found[name] = float(text)
        except ValueError:
            found[name] = -1.0
        if not 0 <= found[name] < float("inf"):
            message = f"--person {name}={text}: {text!r} is no number of seconds."
            raise InputError(message, hint="For example --person hand=300.")
    return found

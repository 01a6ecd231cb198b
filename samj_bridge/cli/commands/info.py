"""``samj-bridge info``: what image files hold, before anything is segmented."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from samj_bridge.cli.result import Line, Result, about, styled
from samj_bridge.errors import SamjError
from samj_bridge.progress import CancelToken, Progress, ProgressEvent, notify
from samj_bridge.reading import find_images, inspect_image, once_per_image

__all__ = ["run"]


def run(images: Sequence[Path], *, series: int | None, progress: Progress, cancel: CancelToken) -> Result:
    """Look at every image; one that can't be read is reported, and the others are looked at all the same."""
    found, parts = once_per_image(find_images(list(images)))
    data: list[dict[str, Any]] = []
    lines: list[Line] = []
    failures: list[SamjError] = []
    for number, path in enumerate(found):
        cancel.check()
        notify(progress, ProgressEvent("info", path.name, number, len(found), "images"))
        try:
            reader, details = inspect_image(path, series)
        except SamjError as error:
            failures.append(about(error, path.name))
            continue
        lines.append(styled((f"{path.name}", "bold"), f": {reader}"))
        for item in details:
            lines += item.lines()
        data.append({"image": str(path), "reader": reader, "series": [item.to_dict() for item in details]})
    notes = [f"{path.name} is a part of the same image as {whole.name}." for path, whole in parts.items()]
    return Result("info", data={"images": data, "notes": notes}, lines=[*lines, *notes], failures=failures)

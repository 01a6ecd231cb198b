"""``--labels``: where they go, and that neither a watcher that raises nor a cancel leaves half of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from samj_bridge.errors import Cancelled, FileError
from samj_bridge.geometry.region import Region
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.reading import Wish
from samj_bridge.segmenting.input_image import open_input
from samj_bridge.segmenting.label_output import label_output


def test_a_tiff_beside_the_other_results_whole_or_not_at_all(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((700, 900), np.uint8))
    with open_input(tmp_path / "a.tif", Wish()) as taken:
        output = label_output(tmp_path / "a.tif", "cells", taken.chosen, tmp_path, "a", overwrite=False)
    assert output.target == tmp_path / "a_cells.btf"
    output.check()
    spot = Region.from_mask(np.ones((3, 2), bool), origin_xy=(890, 600))
    told: list[ProgressEvent] = []

    def odd(event: ProgressEvent) -> None:
        told.append(event)
        raise RuntimeError

    cancelled = CancelToken()
    cancelled.cancel()
    with pytest.raises(Cancelled):
        output.write(iter([spot]), (700, 900), None, odd, cancelled)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
    output.write(iter([spot]), (700, 900), None, odd, CancelToken())
    assert [event.stage for event in told] == ["labels", "labels"]
    assert tifffile.imread(output.target)[600:603, 890:892].all()
    with pytest.raises(FileError, match=r"a_cells\.btf in .* would be replaced"):
        output.check()

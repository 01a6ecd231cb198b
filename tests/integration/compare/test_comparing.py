"""``samj-bridge compare`` as a user runs it: the bundled images, a real worker, ImageJ's own wand, a browser."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from samj_bridge import CancelToken, Settings
from samj_bridge.cli import demo_images
from samj_bridge.compare.running import compare
from samj_bridge.errors import Cancelled

pytestmark = pytest.mark.worker

COMMAND = [sys.executable, "-m", "samj_bridge.cli.main", "compare"]
DATA = Path(demo_images.__file__).parent / "demo_data"
NUCLEI, NUCLEI_LABELS = DATA / "nuclei.png", DATA / "nuclei_labels.png"


def run(*arguments: object, home: Path) -> tuple[int, dict[str, Any], str]:
    variables = {**os.environ, "SAMJ_HOME": str(home)}
    done = subprocess.run(
        [*COMMAND, *map(str, arguments), "--json"],
        capture_output=True,
        text=True,
        check=False,
        env=variables,
        timeout=500,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def test_models_classical_methods_and_files_are_compared_and_the_page_opens(
    ready_home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    methods = "starter:box,starter:point,starter:clicks,starter:everything,threshold,watershed,walker"
    options = ["--truth", NUCLEI_LABELS, "--methods", methods, "--found", f"copy={NUCLEI_LABELS}", "-o", out]
    code, told, err = run(NUCLEI, *options, "--person", "copy=300", home=ready_home)
    assert code == 0, err
    figures = {item["method"]: item for item in told["data"]["methods"]}
    assert set(figures) == {*methods.split(","), "copy"}
    assert told["data"]["methods"][0]["method"] == "copy"
    assert figures["copy"]["pooled"]["map"] == 1.0
    assert figures["copy"]["person_s"] == 300
    assert figures["starter:box"]["pooled"]["best_iou"] > 0.75
    assert figures["starter:clicks"]["pooled"]["best_iou"] >= figures["starter:point"]["pooled"]["best_iou"]
    assert figures["starter:box"]["person_s"] == 3 * 29
    assert figures["starter:box"]["peak_mb"] > 50
    with (out / "compare.csv").open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
    assert "| copy | 1.000 |" in (out / "compare.md").read_text(encoding="utf-8")
    # Again, it is somebody's.
    code, told, _ = run(NUCLEI, *options, home=ready_home)
    assert code == 1
    assert "would be replaced" in told["errors"][0]["message"]


def test_the_same_comparison_gives_the_same_measures(ready_home: Path) -> None:
    settings = Settings(home=ready_home)
    first, second = (
        compare([NUCLEI], NUCLEI_LABELS, ["starter:clicks", "watershed"], settings=settings) for _ in range(2)
    )
    assert [item.pooled for item in first.methods] == [item.pooled for item in second.methods]


def test_a_method_that_fails_is_left_out_and_told_of(ready_home: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"no zip")
    found = {"broken": tmp_path / "broken.zip", "whole": NUCLEI_LABELS}
    result = compare([NUCLEI], NUCLEI_LABELS, [], found=found, settings=Settings(home=ready_home))
    assert [item.name for item in result.methods] == ["whole"]
    assert "broken" in result.failures[0].message


def test_a_model_that_can_not_be_opened_and_a_librarys_own_error_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(picture: Any) -> Any:
        return np.linalg.inv(np.zeros((2, 2)))

    monkeypatch.setattr("samj_bridge.compare.classical.threshold", broken)
    (tmp_path / "file").write_text("where the home would be")
    nowhere = Settings(home=tmp_path / "file" / "home")
    methods = ["starter:box", "starter:point", "threshold", "watershed"]
    result = compare([NUCLEI], NUCLEI_LABELS, methods, settings=nowhere)
    assert [item.name for item in result.methods] == ["watershed"]
    assert [error.message.split(": ")[0] for error in result.failures] == methods[:3]
    assert "LinAlgError" in result.failures[2].message


def test_a_model_that_is_not_installed_is_told_of_before_anything_is_run(ready_home: Path, tmp_path: Path) -> None:
    options = ["--truth", NUCLEI_LABELS, "--methods", "threshold,sam-vit-b:box", "-o", tmp_path / "out"]
    code, told, _ = run(NUCLEI, *options, home=ready_home)
    assert code != 0
    assert "sam-vit-b" in told["errors"][0]["message"]
    assert "models install" in told["errors"][0]["hint"]
    assert not (tmp_path / "out").exists()


def test_a_watcher_may_raise_and_a_cancel_ends_it(ready_home: Path) -> None:
    def watch(event: Any) -> None:
        raise ValueError("a watcher's own mistake")

    result = compare([NUCLEI], NUCLEI_LABELS, ["threshold"], progress=watch, settings=Settings(home=ready_home))
    assert len(result.methods) == 1
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        compare([NUCLEI], NUCLEI_LABELS, ["threshold"], cancel=cancel, settings=Settings(home=ready_home))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--methods", "lasso"], "no method 'lasso'"),
        (["--methods", "threshold", "--person", "other=3"], "no such method"),
        (["--methods", "threshold", "--person", "threshold=long"], "no number of seconds"),
        (["--methods", "threshold", "--found", "nothing"], "no name with a value"),
        (["--methods", "threshold", "--found", "threshold=a.tif"], "Two methods"),
        (["--methods", ","], "No method"),
    ],
)
def test_what_can_not_be_compared_is_said(ready_home: Path, tmp_path: Path, options: list[str], words: str) -> None:
    code, told, _ = run(NUCLEI, "--truth", NUCLEI_LABELS, *options, "-o", tmp_path / "out", home=ready_home)
    assert code == 2
    assert words in told["errors"][0]["message"]
    assert not (tmp_path / "out").exists()


@pytest.mark.imagej
def test_the_wand_selects_what_imagej_would_select_and_the_page_of_it_opens(
    ready_home: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["--truth", NUCLEI_LABELS, "--methods", "wand=20,threshold", "-o", out]
    code, told, err = run(NUCLEI, *options, home=ready_home)
    assert code == 0, err
    assert {item["method"] for item in told["data"]["methods"]} == {"wand=20", "threshold"}
    # In a process of its own: another test may have started another ImageJ in this one.
    done = subprocess.run([sys.executable, "-c", WAND], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["29", "0"]
    found = os.environ.get("SAMJ_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url[:80]))
        page.goto((out / "compare.html").as_uri())
        assert page.locator("figure svg").count() == 2
        assert page.locator("table").count() == 2
        assert page.locator("svg.scatter circle").count() == 2
        box = page.locator("figure svg").first.bounding_box()
        assert box is not None
        assert box["width"] > 200
        assert abs(box["width"] - box["height"]) < 3
        browser.close()
    assert complaints == []


WAND = f"""
import numpy as np
from pathlib import Path
from samj_bridge.compare.picture import read_pictures
from samj_bridge.compare.prompting import clicks
from samj_bridge.compare.wand import wand
from samj_bridge.geometry.components import fill_holes, label_components

(picture,) = read_pictures([Path({str(NUCLEI)!r})], Path({str(NUCLEI_LABELS)!r}))
points = []
def ask(prompts):
    points.extend(tuple(map(int, prompt.points[0])) for prompt in prompts)
    return list(picture.regions)
clicks(picture.regions, picture.name, 0, 1, ask)
wrong = 0
found = wand(picture, points, 20.0)
for (x, y), region in zip(points, found):
    # What hangs together with the click and is at most as far from its value; holes belong to it.
    near, _ = label_components(np.abs(picture.grey - picture.grey[y, x]) <= 20)
    wrong += not np.array_equal(fill_holes(near == near[y, x]), region.mask())
print(len(found), wrong)
"""

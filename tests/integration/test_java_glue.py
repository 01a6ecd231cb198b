"""``mvn verify`` of java_glue with the real worker, which must answer Java as it answers Python."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from samj_bridge.fiji import find_java
from samj_bridge.geometry.region import Region
from samj_bridge.session import Prompt, Session
from samj_bridge.session.card import CARD_NAME
from samj_bridge.settings import Settings

pytestmark = [pytest.mark.worker, pytest.mark.imagej, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
DISCS = ((40, 35, 14), (100, 40, 18), (60, 85, 16), (125, 90, 12))
BOX = Prompt(box=(79, 19, 121, 61))


def picture() -> np.ndarray:
    """What Pictures.java draws."""
    y, x = np.mgrid[:120, :160]
    inside = np.zeros(x.shape, bool)
    for cx, cy, radius in DISCS:
        inside |= (x - cx) ** 2 + (y - cy) ** 2 < radius**2
    return np.where(inside, 170, 30) + (7 * x + 13 * y) % 11


def answers(home: Path) -> dict[str, list[list[list[int]]]]:
    grey = picture()
    floats = (grey / 256.0 - 0.5).astype(np.float32)
    floats[0, :2] = np.nan, np.inf
    colours = np.stack([grey, grey // 2, 255 - grey], axis=2).astype(np.uint8)
    square = np.zeros(grey.shape, bool)
    square[30:50, 90:110] = True
    bytes_ = grey.astype(np.uint8)
    wide, along = np.tile(bytes_, (1, 20)), 8 * 160
    cases: dict[str, tuple[Any, tuple[float, float] | None, Prompt]] = {
        "byte": (bytes_, (0, 255), BOX),
        "inverted": (bytes_, (255, 0), BOX),
        "short": ((grey * 300).astype(np.uint16), (3000, 60000), BOX),
        "float": (floats, None, BOX),
        "rgb": (colours, None, BOX),
        "points": (bytes_, (0, 255), Prompt(points=[(100, 40)], negative=[(90, 30.5)])),
        "mask": (bytes_, (0, 255), Prompt(points=[(100, 40)], mask=square)),
        "wide box": (wide, None, Prompt(box=(along + 79, 19, along + 121, 61))),
        "wide click": (wide, None, Prompt(points=[(along + 100, 40)])),
    }
    with Session("starter", settings=Settings(home=home)) as session:
        found = {
            name: session.encode(pixels, ranges=ranges).segment(prompt, candidates=3)
            for name, (pixels, ranges, prompt) in cases.items()
        }
        objects = session.encode(bytes_, ranges=(0, 255)).everything(min_area=20)
        found["everything"] = [region for region in objects if not region.is_empty]
    return {name: [rings(region) for region in regions] for name, regions in found.items()}


def rings(region: Region) -> list[list[int]]:
    return [ring.ravel().tolist() for ring in region.rings]


def test_the_java_segmenter_gives_what_pythons_session_gives(linked_home: Path, tmp_path: Path) -> None:
    java, maven = find_java(), shutil.which("mvn")
    if java is None or maven is None:
        pytest.skip("there is no JDK with Maven on this machine")
    expected = tmp_path / "expected.json"
    expected.write_text(json.dumps(answers(linked_home)), encoding="utf-8")
    assert (linked_home / CARD_NAME).is_file(), "a session leaves the card"
    # A copy: other tests load the jar that lies in the checkout.
    project = tmp_path / "java_glue"
    shutil.copytree(ROOT / "java_glue", project, ignore=shutil.ignore_patterns("target"))
    environ = {
        **os.environ,
        "SAMJ_HOME": str(linked_home),
        "SAMJ_EXPECTED": str(expected),
        "SAMJ_TEST_NO_SKIPS": "1",
        # Java reads names of files by the locale, and the home's has letters that ASCII has not.
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        [maven, "-B", "-f", str(project / "pom.xml"), "verify"],
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert (project / "target" / "SAMJ_Bridge.jar").is_file()
    suites = [ET.parse(path).getroot() for path in project.glob("target/surefire-reports/TEST-*.xml")]
    counts = {
        name: sum(int(suite.get(name, "0")) for suite in suites)
        for name in ("tests", "failures", "errors", "skipped")
    }
    assert counts == {**counts, "failures": 0, "errors": 0, "skipped": 0}
    assert counts["tests"] >= 60
    names = {case.get("name") for suite in suites for case in suite.iter("testcase")}
    assert "theAnswersAreThoseOfPythonsSession" in names

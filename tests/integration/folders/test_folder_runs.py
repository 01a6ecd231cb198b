"""Runs over folders as a user starts, kills and starts them again: real processes, a real worker, real disks."""

from __future__ import annotations

import csv
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from fakes.disks import disk

from samj_bridge import CancelToken, Prompt, Settings, read_rois, segment_folder
from samj_bridge.errors import Cancelled, SamjError
from samj_bridge.protocol.folders import walk

pytestmark = pytest.mark.worker

COMMAND = [sys.executable, "-m", "samj_bridge.cli.main"]
DISC = "30,30,71,71"
GUARD_S = 180.0


def start(*arguments: object, home: Path, **options: Any) -> subprocess.Popen[str]:
    variables = {**os.environ, "SAMJ_HOME": str(home)}
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
        **options,
    )


def run(*arguments: object, home: Path) -> tuple[int, dict[str, Any], str]:
    with start(*arguments, "--json", home=home) as process:
        out, err = process.communicate(timeout=300)
    return process.returncode, json.loads(out), err


def make_images(folder: Path, count: int) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(3)
    for number in range(count):
        pixels = rng.integers(0, 200, (100, 110), dtype=np.uint16)
        pixels[32 : 60 + number, 32:70] += 3000
        tifffile.imwrite(folder / f"{number:02}.tif", pixels)
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return make_images(tmp_path / "images", 8)


def content(folder: Path) -> dict[str, bytes]:
    return {
        entry.path.relative_to(folder).as_posix(): entry.path.read_bytes()
        for entry in walk(folder)
        if entry.is_file
    }


def wait_for(ready: Any, process: subprocess.Popen[str]) -> bool:
    deadline = time.monotonic() + GUARD_S
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    return process.poll() is None


@pytest.mark.slow
def test_a_run_killed_at_ten_random_moments_makes_the_bytes_of_one_that_was_not(
    ready_home: Path, tmp_path: Path
) -> None:
    images = make_images(tmp_path / "images", 24)
    options = ["segment", images, "--everything", "--points-per-side", "8", "-f", "roi,labels,geojson"]
    whole, again = tmp_path / "whole", tmp_path / "again"
    code, _, err = run(*options, "-o", whole, "--summary", whole / "all.csv", home=ready_home)
    assert code == 0, err
    chance = random.Random(20261130)
    killed = 0
    again.mkdir()
    for _ in range(10):
        before = len(list(again.glob("*_samj.json")))
        more = chance.randrange(0, 3)
        with start(*options, "-o", again, "--summary", again / "all.csv", home=ready_home) as process:
            running = wait_for(lambda: len(list(again.glob("*_samj.json"))) >= before + more, process)  # noqa: B023
            time.sleep(chance.uniform(0, 0.3))
            if running and process.poll() is None:
                below = psutil.Process(process.pid).children(recursive=True)
                process.send_signal(signal.SIGKILL)
                killed += 1
                process.wait(60)
                psutil.wait_procs(below, timeout=GUARD_S)
            process.communicate(timeout=GUARD_S)
    assert killed >= 5
    code, told, err = run(*options, "-o", again, "--summary", again / "all.csv", home=ready_home)
    assert code == 0, err
    assert any(image.get("skipped") for image in told["data"]["images"])
    assert content(again) == content(whole)


def test_what_is_up_to_date_is_skipped_without_a_worker_and_what_is_not_is_made_again(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = ["segment", images, "--box", DISC, "-o", out, "-f", "roi,labels"]
    code, told, err = run(*options, home=ready_home)
    assert code == 0, err
    assert not any(image.get("skipped") for image in told["data"]["images"])
    first = content(out)
    code, told, err = run(*options, "--home", tmp_path / "empty home", home=ready_home)
    assert code == 0, err
    assert all(image["skipped"] for image in told["data"]["images"])
    # One result is gone, one image is another, one result was changed by hand.
    (out / "00_rois.zip").unlink()
    tifffile.imwrite(images / "01.tif", np.roll(tifffile.imread(images / "01.tif"), 5))
    (out / "02_labels.tif").write_bytes(b"by hand")
    code, told, err = run(*options, home=ready_home)
    assert code == 1
    assert [error["message"].split(":")[0] for error in told["errors"]] == ["01.tif", "02.tif"]
    assert "made of another image" in told["errors"][0]["message"]
    assert (out / "02_labels.tif").read_bytes() == b"by hand"
    made = [Path(image["image"]).name for image in told["data"]["images"] if not image.get("skipped")]
    assert made == ["00.tif"]
    assert content(out)["00_rois.zip"] == first["00_rois.zip"]
    code, told, err = run(*options, "--overwrite", home=ready_home)
    assert code == 0, err
    assert [bool(image.get("skipped")) for image in told["data"]["images"]] == [True, False, False] + [True] * 5
    assert content(out)["02_labels.tif"] == first["02_labels.tif"]
    # Other options are refused as well, by name.
    code, told, err = run(*options, "--min-area", "3", home=ready_home)
    assert code == 1
    assert "made with other wanted" in told["errors"][0]["message"]


def test_parts_together_make_what_one_run_makes_and_a_last_run_makes_the_table(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    options = ["segment", images, "--box", DISC, "-f", "roi,labels"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(*options, "-o", whole, "--summary", whole / "t.csv", home=ready_home)[0] == 0
    both = [
        start(*options, "-o", parts, "--part", f"{number}/2", "--summary", parts / "t.csv", home=ready_home)
        for number in (1, 2)
    ]
    for process in both:
        with process:
            _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
    lines = 0
    for number in (1, 2):
        table = parts / f"t_{number}-of-2.csv"
        lines += len(list(csv.DictReader(table.read_text(encoding="utf-8").splitlines())))
        table.unlink()
    assert lines == 8
    code, told, err = run(*options, "-o", parts, "--summary", parts / "t.csv", home=ready_home)
    assert code == 0, err
    assert all(image["skipped"] for image in told["data"]["images"])
    assert content(parts) == content(whole)


def test_one_bad_image_stops_nothing_and_the_end_of_the_log_says_which(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    (images / "03.tif").write_bytes(b"II*\0no image")
    with start("segment", images, "--box", DISC, "-o", tmp_path / "out", "-f", "roi", home=ready_home) as process:
        out, err = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "03.tif" in err
    assert out.rstrip().endswith("7 of 8 images done.")
    assert len(list((tmp_path / "out").glob("*_rois.zip"))) == 7


def test_two_images_of_one_name_have_results_of_their_own(ready_home: Path, images: Path, tmp_path: Path) -> None:
    other = make_images(tmp_path / "other", 2)
    out = tmp_path / "out"
    code, told, err = run("segment", images, other, "--box", DISC, "-o", out, "-f", "roi", home=ready_home)
    assert code == 0, err
    files = [file for image in told["data"]["images"] for file in image["files"]]
    assert len(set(files)) == 10
    assert all(len(read_rois(file)) == 1 for file in files)


def test_two_runs_into_one_folder_do_not_mix(ready_home: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    options = ["segment", images, "--box", DISC, "-o", out, "-f", "roi"]
    with start(*options, home=ready_home) as first:
        assert wait_for((out / ".samj-run" / "lock").exists, first)
        code, told, _ = run(*options, home=ready_home)
        _, err = first.communicate(timeout=300)
    assert first.returncode == 0, err
    # The second was refused, or came so late that all was done.
    assert (code == 1 and told["errors"][0]["code"] == "run-in-progress") or code == 0
    assert len(list(out.glob("*_rois.zip"))) == 8
    assert not list(out.glob(".samj*"))


def test_a_full_disk_ends_the_run_and_the_same_command_goes_on(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "size=112k") as small:
        options = ["segment", images, "--box", DISC, "-o", small, "-f", "roi,labels"]
        code, told, _ = run(*options, home=ready_home)
        assert code == 1
        assert told["errors"][-1]["code"] == "no-space"
        done = {path.name for path in small.glob("*_labels.tif")}
        for name in done:
            assert tifffile.imread(small / name).shape == (100, 110)
        assert not list(small.glob(".samj-run/*/*"))
        subprocess.run(["mount", "-o", "remount,size=8m", small], check=True)
        code, told, err = run(*options, home=ready_home)
        assert code == 0, err
        assert len(list(small.glob("*_labels.tif"))) == 8


def test_a_folder_that_can_not_be_written_to_is_said_before_anything_is_done(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    with disk(tmp_path / "fixed", "size=1m") as fixed:
        subprocess.run(["mount", "-o", "remount,ro", fixed], check=True)
        code, told, _ = run("segment", images, "--box", DISC, "-o", fixed, home=ready_home)
        assert code == 1
        assert len(told["errors"]) == 1
        assert "Can't write" in told["errors"][0]["message"]


def test_from_python_the_run_is_the_same_and_a_cancel_keeps_what_is_done(
    ready_home: Path, images: Path, tmp_path: Path
) -> None:
    settings = Settings(home=ready_home)
    cancel = CancelToken()

    def watch(event: Any) -> None:
        if event.stage == "segment" and event.done >= 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        segment_folder(
            images,
            tmp_path / "out",
            Prompt(box=(30, 30, 71, 71)),
            formats=("roi", "labels"),
            settings=settings,
            progress=watch,
            cancel=cancel,
        )
    made = len(list((tmp_path / "out").glob("*_samj.json")))
    assert 2 <= made < 8
    done = segment_folder(
        images,
        tmp_path / "out",
        {f"{number:02}.tif": [Prompt(box=(30, 30, 71, 71))] for number in range(8)},
        formats=("roi", "labels"),
        summary=tmp_path / "objects.csv",
        settings=settings,
    )
    assert len(done.images) == 8
    assert not done.failures
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("samj-image")]
    # From the shell, the same options find all of it done.
    command = ["segment", images, "--box", DISC, "-f", "roi,labels", "-o", tmp_path / "out"]
    code, told, err = run(*command, home=ready_home)
    assert code == 0, err
    assert all(image["skipped"] for image in told["data"]["images"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either prompts or everything"),
        ({"everything": True, "prompts": Prompt(points=[(1, 1)])}, "either prompts or everything"),
        ({"everything": True, "part": (3, 2)}, "part"),
        ({"everything": True, "formats": ("docx",)}, "docx"),
        ({"everything": True, "summary": "t.xlsx"}, "neither"),
        ({"everything": True, "model": "no-such-model"}, "no-such-model"),
    ],
)
def test_what_can_not_be_used_is_refused(
    ready_home: Path, images: Path, tmp_path: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SamjError, match=words):
        segment_folder(images, tmp_path / "out", settings=Settings(home=ready_home), **options)
    shutil.rmtree(tmp_path / "out", ignore_errors=True)

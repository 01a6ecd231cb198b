"""The command line as a user runs it: real processes, a real environment, real files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile
from PIL import Image

from samj_bridge import read_rois
from samj_bridge.cli.commands.demo import mean_iou
from samj_bridge.cli.demo_images import load_demo_image

pytestmark = pytest.mark.worker

COMMAND = [sys.executable, "-m", "samj_bridge.cli.main"]
DISC = "30,30,71,71"


def run(*arguments: object, home: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "SAMJ_HOME": str(home), **environ}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False, env=variables, timeout=300
    )


def envelope(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.stdout.count("\n") == 1, done.stdout + done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    return content


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    y, x = np.mgrid[:100, :120]
    pixels = np.where((x - 50) ** 2 + (y - 50) ** 2 < 400, 3000, 200).astype(np.uint16)
    tifffile.imwrite(tmp_path / "disc é 漢.tif", pixels)
    return tmp_path / "disc é 漢.tif"


def test_an_image_and_a_box_become_rois_labels_and_an_overlay(ready_home: Path, disc: Path, tmp_path: Path) -> None:
    output = tmp_path / "my results"
    formats = ("--format", "roi,labels,overlay,coco")
    done = run("segment", disc, "--box", DISC, *formats, "--output", output, "--json", home=ready_home)
    assert done.returncode == 0, done.stderr
    content = envelope(done)
    assert content["ok"]
    assert content["data"]["images"][0]["objects"] == 1
    (region,) = read_rois(output / "disc é 漢_rois.zip")
    labels = tifffile.imread(output / "disc é 漢_labels.tif")
    assert np.array_equal(labels > 0, region.mask(labels.shape))
    truth = tifffile.imread(disc) > 1000
    assert (region.mask(truth.shape) & truth).sum() / (region.mask(truth.shape) | truth).sum() > 0.8
    with Image.open(output / "disc é 漢_overlay.png") as picture:
        assert picture.size[0] >= 120
    coco = json.loads((output / "disc é 漢_coco.json").read_text(encoding="utf-8"))
    assert coco["images"][0]["file_name"] == "disc é 漢.tif"
    assert coco["annotations"][0]["area"] == region.area


def test_results_that_are_there_are_never_lost(ready_home: Path, disc: Path, tmp_path: Path) -> None:
    precious = tmp_path / f"{disc.stem}_rois.zip"
    precious.write_bytes(b"by hand")
    done = run("segment", disc, "--box", DISC, "--output", tmp_path, home=ready_home)
    assert done.returncode == 1
    assert "--overwrite" in done.stderr
    assert precious.read_bytes() == b"by hand"
    assert run("segment", disc, "--box", DISC, "--output", tmp_path, "--overwrite", home=ready_home).returncode == 0
    assert len(read_rois(precious)) == 1


def test_one_unreadable_image_does_not_stop_the_others(ready_home: Path, disc: Path, tmp_path: Path) -> None:
    (disc.parent / "broken.tif").write_bytes(disc.read_bytes()[:200])
    done = run("segment", disc.parent, "--box", DISC, "--output", tmp_path / "out", "--json", home=ready_home)
    content = envelope(done)
    assert done.returncode == 1
    assert [Path(item["image"]).name for item in content["data"]["images"]] == [disc.name]
    assert "broken.tif" in content["errors"][0]["message"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--box", "71,30,30,71"], "corner"),
        (["--box", "30,30,30,71"], ""),
        (["--box", "300,300,310,320"], "outside"),
        (["--point", "500,20"], "outside"),
        (["--negative", "5,5"], "--negative"),
        ([], "No prompt"),
        (["--box", "1,2,3"], "x0,y0,x1,y1"),
        (["--box", DISC, "--format", "docx"], "docx"),
        (["--box", DISC, "--model", "no-such-model"], "no-such-model"),
    ],
)
def test_bad_input_is_named_with_a_way_out_and_leaves_nothing(
    ready_home: Path, disc: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = run("segment", disc, *arguments, "--output", tmp_path / "out", home=ready_home)
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*"))


def test_a_worker_killed_in_the_middle_of_a_folder_costs_no_image(
    ready_home: Path, disc: Path, tmp_path: Path
) -> None:
    folder, output = tmp_path / "images", tmp_path / "out"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        pixels = rng.integers(0, 200, (700, 700), dtype=np.uint16)
        pixels[30:71, 30:71] += 3000
        tifffile.imwrite(folder / f"{number:02}.tif", pixels)
    variables = {**os.environ, "SAMJ_HOME": str(ready_home)}
    command = [*COMMAND, "segment", str(folder), "--box", DISC, "-o", str(output), "-f", "roi", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    ) as process:
        killed = _kill_worker_when(process, lambda: len(list(output.glob("*.zip"))) >= 3)
        out, err = process.communicate(timeout=300)
    assert killed, err
    assert process.returncode == 0, err
    assert len(json.loads(out)["data"]["images"]) == 12
    assert all(len(read_rois(output / f"{number:02}_rois.zip")) == 1 for number in range(12))


def _kill_worker_when(process: subprocess.Popen[str], ready: Any) -> bool:
    """Send SIGKILL to the worker below `process` once `ready`; tell whether there was one."""
    deadline = time.monotonic() + 120
    while not ready() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "samj-worker" in " ".join(child.cmdline())
    ]
    for worker in workers:
        worker.kill()
    return bool(workers)


def test_ctrl_c_stops_a_run_in_order(ready_home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(40):
        tifffile.imwrite(folder / f"{number:02}.tif", np.eye(900, dtype=np.uint8) * 200)
    variables = {**os.environ, "SAMJ_HOME": str(ready_home)}
    command = [*COMMAND, "segment", str(folder), "--box", DISC, "-o", str(tmp_path / "out"), "-f", "roi"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables
    ) as process:
        deadline = time.monotonic() + 120
        while not list((tmp_path / "out").glob("*.zip")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert 0 < len(list((tmp_path / "out").glob("*"))) < 40


def test_the_demo_ends_with_exact_rois_in_imagej(ready_home: Path, tmp_path: Path) -> None:
    done = run("demo", "--output", tmp_path / "demo", "--json", home=ready_home)
    assert done.returncode == 0, done.stderr
    content = envelope(done)["data"]
    assert content["imagej"] == "used"
    assert {row["image"] for row in content["images"]} == {"blobs", "nuclei", "nerve"}
    for row in content["images"]:
        assert row["imagej"] == "exact"
        assert row["mean_iou"] > 0.75
        image = load_demo_image(row["image"])
        assert row["objects"] == len(image.prompts)
        regions = read_rois(tmp_path / "demo" / f"{row['image']}_rois.zip")
        assert mean_iou(regions, image.labels) == pytest.approx(row["mean_iou"])


def test_without_java_the_demo_does_everything_else_and_says_so(ready_home: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = run("demo", "--output", tmp_path / "demo", home=ready_home, PATH=str(empty), JAVA_HOME="")
    assert done.returncode == 0, done.stderr
    assert "ImageJ was not used" in done.stdout
    assert (tmp_path / "demo" / "nuclei_rois.zip").exists()


def test_doctor_finds_all_well_and_env_list_shows_the_environment(ready_home: Path) -> None:
    content = envelope(run("doctor", "--json", home=ready_home))
    found = {finding["check"]: finding["status"] for finding in content["data"]["findings"]}
    assert {"host", "packages", "home", "uv", "environment", "model", "worker", "java"} <= set(found)
    assert "broken" not in found.values(), content
    environments = envelope(run("env", "list", "--json", home=ready_home))["data"]["environments"]
    assert environments[0]["packages"]["torch"]


def test_doctor_names_the_command_that_makes_a_missing_environment(tmp_path: Path) -> None:
    done = run("doctor", home=tmp_path / "fresh é")
    assert done.returncode == 1
    assert "samj-bridge setup" in done.stdout


def test_setup_on_a_finished_home_says_ready_at_once(ready_home: Path) -> None:
    done = run("setup", "--json", home=ready_home)
    content = envelope(done)
    assert content["data"]["worker"]["protocol"]
    assert content["data"]["environment"]["packages"]["numpy"]


def test_usage_errors_and_help_cost_no_imports_and_have_their_exit_codes(tmp_path: Path) -> None:
    assert run("segment", home=tmp_path).returncode == 2
    assert run("--version", home=tmp_path).stdout.startswith("samj-bridge ")
    for command in ("setup", "segment", "demo", "doctor", "env"):
        assert run(command, "--help", home=tmp_path).returncode == 0
    wrong = run("env", "list", home=tmp_path, SAMJ_THREADS="many")
    assert wrong.returncode == 2
    assert "SAMJ_THREADS" in wrong.stderr


def test_what_was_taken_of_a_file_is_told_in_a_line_and_as_data(
    ready_home: Path, disc: Path, tmp_path: Path
) -> None:
    one = tifffile.imread(disc)
    stack = np.stack([one * 0 + 200, one])
    stains = np.stack([stack, stack // 2], axis=1)
    words = {"axes": "ZCYX", "unit": "um"}
    tifffile.imwrite(tmp_path / "stack.tif", stains, imagej=True, resolution=(2.0, 2.0), metadata=words)
    options = ("--box", DISC, "--format", "labels", "--output", tmp_path / "out")
    refused = run("segment", tmp_path / "stack.tif", *options, home=ready_home)
    assert refused.returncode == 1
    assert "stack of 2 planes: 2 slices (Z)" in refused.stderr
    done = run("segment", tmp_path / "stack.tif", *options, "--z", 1, "--channels", 1, home=ready_home)
    assert done.returncode == 0, done.stderr
    assert (
        "stack.tif: TIFF (ImageJ), z 1 of 2, channel 1 of 2, 120 x 100, uint16 100 to 1500, pixel 0.5 µm"
        in done.stdout
    )
    done = run("segment", tmp_path / "stack.tif", *options, "--plane", 1, "--overwrite", "--json", home=ready_home)
    (image,) = envelope(done)["data"]["images"]
    assert image["objects"] == 1
    assert image["taken"]["place"] == {"z": 1}
    assert image["taken"]["channels"] == [0, 1]
    assert image["taken"]["pixel_size"] == {"x": 0.5, "y": 0.5, "unit": "um"}


def test_everything_in_an_image_is_found_without_a_prompt(ready_home: Path, disc: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    done = run("segment", disc, "--everything", "--output", output, "--json", home=ready_home)
    assert done.returncode == 0, done.stderr
    (image,) = envelope(done)["data"]["images"]
    assert image["objects"] == 1
    assert image["message"].startswith("1 object found")
    (region,) = read_rois(output / "disc é 漢_rois.zip")
    truth = tifffile.imread(disc) > 1000
    assert (region.mask(truth.shape) & truth).sum() / (region.mask(truth.shape) | truth).sum() > 0.8


def test_nothing_found_is_said_and_is_no_failure(ready_home: Path, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "flat.tif", np.full((80, 90), 7, np.uint16))
    done = run("segment", tmp_path / "flat.tif", "--everything", "--output", tmp_path / "out", home=ready_home)
    assert done.returncode == 0, done.stderr
    assert "flat.tif: Nothing was found" in done.stdout
    assert read_rois(tmp_path / "out" / "flat_rois.zip") == []


def test_all_candidates_are_written_when_they_are_asked_for(ready_home: Path, disc: Path, tmp_path: Path) -> None:
    options = ("--point", "50,50", "--box", DISC, "--candidates", 3, "--precision", "float32", "--format", "roi")
    done = run("segment", disc, *options, "--output", tmp_path / "out", home=ready_home)
    assert done.returncode == 0, done.stderr
    names = [region.name for region in read_rois(tmp_path / "out" / "disc é 漢_rois.zip")]
    assert names == [f"{prompt}-{rank}" for prompt in (1, 2) for rank in (1, 2, 3)]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--everything", "--box", DISC), "Both --everything and prompts"),
        (("--box", DISC, "--exact"), "without it"),
        (("--box", DISC, "--min-score", 0.5), "without it"),
        (("--everything", "--crop-layers", 1), "exact"),
        (("--everything", "--precision", "float8"), "float8"),
        ((), "--everything"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    options: tuple[Any, ...], said: str, ready_home: Path, disc: Path, tmp_path: Path
) -> None:
    done = run("segment", disc, *options, "--output", tmp_path / "out", home=ready_home)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert not list((tmp_path / "out").glob("*"))


def test_the_bench_measures_the_installed_models_and_advises(ready_home: Path) -> None:
    done = run("bench", "--repeats", 1, "--model", "starter", "--json", home=ready_home)
    assert done.returncode == 0, done.stderr
    (row,) = envelope(done)["data"]["models"]
    assert row["model"] == "starter"
    assert row["precision"] == "float32"
    assert min(row["encode_s"], row["box_ms"], row["boxes_s"]) > 0
    assert row["peak_mb"] > 50

"""The small parts of the installer: versions, index pages, uv's lines, the GPU, sizes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.package_index import PackageIndex, serve

from samj_bridge.download.page import ListedWheel, wheels_on
from samj_bridge.errors import Cancelled, InstallError, NetworkError, NoSpaceError
from samj_bridge.install.builders.uv.builder import _with_wheels
from samj_bridge.install.builders.uv.index import read_page
from samj_bridge.install.builders.uv.progress import UvProgress
from samj_bridge.install.gpu import find_nvidia_gpu
from samj_bridge.install.space import check_space
from samj_bridge.install.specification import fits
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.protocol.folders import folder_size


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(PackageIndex()) as server:
        yield server


@pytest.mark.parametrize(
    ("version", "wanted", "expected"),
    [
        ((3, 10, 0), ">=3.10,<3.15", True),
        ((3, 9, 20), ">=3.10,<3.15", False),
        ((3, 15, 0), ">=3.10,<3.15", False),
        ((3, 14, 9), ">=3.10,<3.15", True),
        ((3, 13, 0), ">=3.10,<3.15,<3.13", False),
        ((3, 12, 1), "", True),
    ],
)
def test_a_python_fits_its_bounds(version: tuple[int, ...], wanted: str, expected: bool) -> None:
    assert fits(version, wanted) is expected


def test_bounds_of_another_kind_are_refused() -> None:
    with pytest.raises(InstallError, match=r"~=3\.10"):
        fits((3, 10, 0), "~=3.10")


def test_a_page_lists_wheels_with_their_versions_and_hashes(index: PackageIndex) -> None:
    index.add("torch", "2.9.0+cpu")
    index.add("torch", "2.8.0+cpu")
    wheels = wheels_on(read_page(index.url + "/", "torch"), "torch")
    assert [wheel.version for wheel in wheels] == ["2.9.0+cpu", "2.8.0+cpu"]
    assert all(len(wheel.sha256) == 64 for wheel in wheels)


def test_what_is_no_wheel_of_the_package_is_left_out() -> None:
    both = "cp312-cp312-manylinux1_x86_64.manylinux2014_x86_64.whl"
    page = f"""<a href="torch-1.0.tar.gz#sha256=aa">x</a>
<a href="https://elsewhere.example/w/torch-1.0%2Bcpu-{both}#sha256={"BB" * 32}">x</a>
<a href="torchvision-1.0-py3-none-any.whl#sha256=cc">x</a>
<a>none</a><a href="torch-2.0-py3-none-any.whl#md5=dd">x</a>"""
    wheels = wheels_on(page, "torch")
    assert [(wheel.version, wheel.sha256) for wheel in wheels] == [("1.0+cpu", "bb" * 32), ("2.0", "")]
    assert wheels[0].single_tags == ["cp312-cp312-manylinux1_x86_64", "cp312-cp312-manylinux2014_x86_64"]


@pytest.mark.parametrize("url", ["file:///etc", "nonsense", "http://127.0.0.1:9/simple", "http://[bad/simple"])
def test_an_index_that_is_none_is_a_network_error_with_its_reason(url: str) -> None:
    with pytest.raises(NetworkError) as caught:
        read_page(url, "torch")
    assert caught.value.details["reason"]


def test_waiting_for_an_index_can_be_cancelled(index: PackageIndex) -> None:
    index.stall_pages = True
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        read_page(index.url, "torch", timeout_s=60, cancel=token)


@pytest.mark.skipif(sys.platform != "linux", reason="torch's CPU index matters on Linux only")
def test_a_pin_takes_the_cpu_wheels_of_this_machine_and_their_hashes() -> None:
    import platform

    here = f"cp312-cp312-manylinux_2_28_{platform.machine()}.whl"
    wheels = [
        ListedWheel(f"torch-2.9.0+cpu-{here}", "a1"),
        ListedWheel("torch-2.9.0+cpu-cp312-cp312-win_amd64.whl", "a2"),
        ListedWheel("torch-2.9.0-cp312-none-macosx_11_0_arm64.whl", "a3"),
        ListedWheel(f"torch-2.8.0+cpu-{here}", "a4"),
    ]
    pin = "torch==2.9.0 ; python_full_version < '3.11' --hash=sha256:99"
    assert _with_wheels(pin, wheels) == "torch==2.9.0+cpu ; python_full_version < '3.11' --hash=sha256:a1"
    assert _with_wheels("torch==2.7.0 --hash=sha256:99", wheels) == ""
    assert _with_wheels("torch", wheels) == ""


def test_the_lines_of_uv_become_bytes_and_packages(tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    progress = UvProgress(events.append, lambda: [tmp_path / ".tmpNewer"], rest=0)
    progress.line("Resolved 3 packages in 5ms")
    progress.line("Downloading torch (2.0MiB)")
    (tmp_path / ".tmpNewer").mkdir()
    (tmp_path / ".tmpNewer" / "x").write_bytes(bytes(2**20))
    progress.tick()
    progress.line("Downloading numpy (512.0KiB)")
    progress.line(" Downloaded torch")
    progress.line("something else entirely")
    progress.line("Installed 3 packages in 5ms")
    progress.line(" Downloaded numpy")
    progress.tick()
    seen = [(event.stage, event.done, event.total, event.unit) for event in events]
    assert seen == [
        ("resolve", 0, 3, "packages"),
        ("download", 0, 2**21, "bytes"),
        ("download", 2**19, 2**21, "bytes"),
        ("download", 2**19, 2**21 + 2**19, "bytes"),
        ("download", 2**21 + 2**19, 2**21 + 2**19, "bytes"),
        ("install", 3, 3, "packages"),
        ("download", 2**21 + 2**19, 2**21 + 2**19, "bytes"),
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="a shell script stands in for nvidia-smi")
@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'", "GPU 0: NVIDIA H200"),
        ("echo 'NVIDIA-SMI has failed because it could not communicate with the driver'; exit 9", ""),
        ("exit 0", ""),
        ("printf '\\377\\376'", ""),
    ],
)
def test_a_gpu_is_found_when_its_driver_answers(script: str, found: str, tmp_path: Path) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    assert find_nvidia_gpu(path=str(tmp_path)) == found


def test_no_gpu_is_found_where_no_program_is(tmp_path: Path) -> None:
    assert find_nvidia_gpu(path=str(tmp_path)) == ""


def test_space_is_asked_of_the_disk_that_will_hold_the_folder(tmp_path: Path) -> None:
    check_space(1, tmp_path / "not" / "yet", tmp_path, tmp_path)
    with pytest.raises(NoSpaceError, match="Nothing was installed") as caught:
        check_space(10**18, tmp_path / "not" / "yet", tmp_path, tmp_path)
    assert caught.value.details["path"] == str(tmp_path)


def test_files_that_are_linked_elsewhere_are_not_freed(tmp_path: Path) -> None:
    (tmp_path / "cache").write_bytes(bytes(1000))
    (tmp_path / "prefix").mkdir()
    (tmp_path / "prefix" / "linked").hardlink_to(tmp_path / "cache")
    (tmp_path / "prefix" / "own").write_bytes(bytes(10))
    assert folder_size(tmp_path / "prefix", freed=True) == 10

"""Programs that are no micromamba, success for nothing, cancels and sudden ends."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from asking import QUICK, channel_of
from fakes.beds import Bed
from fakes.conda_making import left_in, make, refused

from samj_bridge.errors import Cancelled
from samj_bridge.install import create_environment
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.progress import CancelToken, ProgressEvent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")


def test_a_micromamba_is_found_by_its_bare_name_as_a_shell_finds_it(
    standin_bed: Bed, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert standin_bed.standin is not None
    monkeypatch.setenv("PATH", f"{standin_bed.standin.folder}{os.pathsep}{os.environ['PATH']}")
    settings = replace(standin_bed.settings(home), micromamba="micromamba")
    assert MicromambaTool(settings).find()[0] == standin_bed.standin.path


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("echo 'pixi 1.0.1'", "it is not micromamba: asked for its version, it said 'pixi 1.0.1'"),
        ("echo '1.5.10'", "it is 1.5.10, and 2.1 is the oldest that works"),
        ("head -c 300 /dev/urandom", "it is not micromamba"),
        ("echo 2.8.1; echo more", "it is not micromamba"),
        ("echo 2.8.1; exit 3", "it is not micromamba"),
    ],
)
def test_a_program_that_is_no_micromamba_is_refused_with_what_it_said(
    says: str, why: str, standin_bed: Bed, home: Path, tmp_path: Path
) -> None:
    program = tmp_path / "micromamba é"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    settings = replace(standin_bed.settings(home), micromamba=str(program))
    tiny = standin_bed.specification("envs")
    error = refused(settings, tiny, standin_bed)
    assert why in error.message


@pytest.mark.parametrize("what", ["missing", "folder", "not a program"])
def test_a_micromamba_that_can_not_be_started_is_refused(
    what: str, standin_bed: Bed, home: Path, tmp_path: Path
) -> None:
    program = tmp_path / "micromamba"
    if what == "folder":
        program.mkdir()
    elif what == "not a program":
        program.write_text("#!/bin/sh\necho 2.8.1\n")
    settings = replace(standin_bed.settings(home), micromamba=str(program))
    error = refused(settings, standin_bed.specification("envs"), standin_bed)
    assert "micromamba" in error.message


def test_a_plan_that_is_garbage_is_refused(standin_bed: Bed, home: Path, tmp_path: Path) -> None:
    program = tmp_path / "garbage"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo 2.8.1 || echo \'{"success": true, "actions": [1\'\n'
    )
    program.chmod(0o755)
    settings = replace(standin_bed.settings(home), micromamba=str(program))
    assert refused(settings, standin_bed.specification("envs"), standin_bed).code == "bad-plan"


def test_success_with_an_empty_environment_is_no_success(standin_bed: Bed, home: Path) -> None:
    assert standin_bed.standin is not None
    standin_bed.standin.set(empty_success=True)
    settings, tiny = standin_bed.settings(home), standin_bed.specification("envs")
    error = refused(settings, tiny, standin_bed)
    assert error.code == "incomplete"
    assert "reported success, but 4 of 4 packages are missing" in error.message


def test_micromamba_is_called_without_the_users_configuration_and_never_offline(
    standin_bed: Bed, home: Path
) -> None:
    make(standin_bed.settings(home), standin_bed.specification("envs"))
    assert standin_bed.standin is not None
    calls = [call for call in standin_bed.standin.calls() if call["arguments"] != ["--version"]]
    assert len(calls) == 2
    for call in calls:
        assert {"--no-rc", "--root-prefix", "--yes", "--prefix"} <= set(call["arguments"])
        assert not {"--offline", "--rc-file"} & set(call["arguments"])
        assert call["environment"]["HOME"].startswith(str(home))
        ours = {"MAMBA_SAFETY_CHECKS", "MAMBA_EXTRA_SAFETY_CHECKS"}
        assert {name for name in call["environment"] if name.startswith(("CONDA", "MAMBA"))} == ours


@pytest.mark.parametrize("step", ["solve", "unpack tiny", "link tiny"])
def test_a_cancel_ends_every_process_and_leaves_nothing(step: str, standin_bed: Bed, home: Path) -> None:
    bed, settings, tiny = standin_bed, standin_bed.settings(home), standin_bed.specification("envs")
    assert bed.standin is not None
    bed.standin.set(pause_at=step)
    token = CancelToken()
    canceller = threading.Thread(target=lambda: (bed.standin.wait_paused(), token.cancel()))
    canceller.start()
    with pytest.raises(Cancelled):
        make(settings, tiny, cancel=token)
    canceller.join()
    assert left_in(settings) == []
    assert bed.halves(home) == []
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in running if any(str(home) in part for part in command)]
    bed.standin.set()
    assert make(settings, tiny).packages["tiny"] == "1.0"


def test_an_unpacking_that_stops_is_given_up_and_blamed_on_the_disk(standin_bed: Bed, home: Path) -> None:
    assert standin_bed.standin is not None
    settings, tiny = standin_bed.settings(home), standin_bed.specification("envs")
    standin_bed.standin.set(pause_at="link tiny")
    builder = MicromambaBuilder(settings, MicromambaTool(settings, deadlines=QUICK))
    error = refused(settings, tiny, standin_bed, builder=builder)
    assert error.code == "stalled"
    assert "Unpacking packages came to a stop" in error.message


def test_progress_counts_bytes_that_come_and_packages_that_are_installed(standin_bed: Bed, home: Path) -> None:
    bed = standin_bed
    assert bed.standin is not None
    settings, tiny = bed.settings(home), bed.specification("envs")
    bed.standin.set(slow_s=0.6)
    events: list[ProgressEvent] = []
    make(settings, tiny, progress=events.append)
    installing = [event for event in events if event.stage == "install" and event.unit == "packages"]
    assert any(0 < event.done < 4 and event.total == 4 for event in installing)
    bed.stall(stall=True)
    channel_of(bed).only = "tiny"
    shutil.rmtree(home / "cache")
    token = CancelToken()
    seen: list[ProgressEvent] = []

    def watch(event: ProgressEvent) -> None:
        seen.append(event)
        if event.stage == "download" and event.unit == "bytes" and event.done > 0 and "tiny" in event.message:
            token.cancel()

    with pytest.raises(Cancelled):
        create_environment(settings, name="tiny", specification=tiny, progress=watch, cancel=token)
    last = seen[-1]
    assert last.total is not None
    assert 0 < last.done < last.total

"""The micromamba that is downloaded: from its releases or out of conda-forge's package, and never another one."""

from __future__ import annotations

import hashlib
import io
import os
import ssl
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from fakes.conda_channel import CondaChannel, serve_channel
from fakes.standin import StandIn

from samj_bridge.errors import InstallError, NetworkError
from samj_bridge.install.builders.micromamba.channels import CONDA_FORGE
from samj_bridge.install.builders.micromamba.download import Pins, downloaded_path, read_pins
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.specification import current_platform
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the program that is downloaded is a shell script")


@pytest.fixture
def program(tmp_path: Path) -> bytes:
    """What is offered as micromamba: the stand-in."""
    return StandIn(tmp_path / "bin").path.read_bytes()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CondaChannel]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.delenv("MAMBA_EXE", raising=False)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    (tmp_path / "served").mkdir()
    with serve_channel(CondaChannel(tmp_path / "served"), context) as served:
        yield served


@pytest.fixture
def settings(tmp_path: Path, server: CondaChannel) -> Settings:
    return Settings(home=tmp_path / "a home é 漢", ca_bundle=str(tmp_path / "ca.pem"), conda_mirror=server.url)


@pytest.fixture
def pins(server: CondaChannel, program: bytes) -> Pins:
    platform = current_platform()
    return Pins(
        version="2.8.1-0",
        release=f"{server.url}/release/micromamba-{{platform}}{{exe}}",
        archive=f"{CONDA_FORGE}/{{platform}}/micromamba-{{version}}.tar.bz2",
        sha256={platform: hashlib.sha256(program).hexdigest()},
    )


def offer_release(server: CondaChannel, program: bytes) -> None:
    path = server.folder / "release" / f"micromamba-{current_platform()}"
    path.parent.mkdir()
    path.write_bytes(program)


def offer_archive(server: CondaChannel, program: bytes) -> None:
    path = server.folder / current_platform() / "micromamba-2.8.1-0.tar.bz2"
    path.parent.mkdir()
    with tarfile.open(path, "w:bz2") as archive:
        member = tarfile.TarInfo("bin/micromamba")
        member.size = len(program)
        archive.addfile(member, io.BytesIO(program))


def test_it_is_fetched_once_verified_and_made_executable(
    settings: Settings, server: CondaChannel, pins: Pins, program: bytes
) -> None:
    offer_release(server, program)
    tool = MicromambaTool(settings, pins)
    assert tool.obstacle() == ""
    events: list[ProgressEvent] = []
    path, note = tool.find(events.append)
    assert path == downloaded_path(settings, pins)
    assert "2.8.1-0, downloaded" in note
    assert path.read_bytes() == program
    assert os.access(path, os.X_OK)
    assert any(event.stage == "download" for event in events)
    asked = len(server.requests)
    assert tool.find()[0] == path
    assert len(server.requests) == asked
    assert MicromambaTool(replace(settings, offline=True), pins).find()[0] == path


def test_without_its_releases_it_is_taken_out_of_condas_package(
    settings: Settings, server: CondaChannel, pins: Pins, program: bytes
) -> None:
    offer_archive(server, program)
    path, _ = MicromambaTool(settings, pins).find()
    assert path.read_bytes() == program
    assert [item.name for item in path.parent.iterdir() if not item.name.endswith(".lock")] == [path.name]


@pytest.mark.parametrize("where", ["release", "archive"])
def test_another_program_is_never_run_and_never_kept(
    where: str, settings: Settings, server: CondaChannel, pins: Pins, program: bytes, tmp_path: Path
) -> None:
    evil = f"#!/bin/sh\ntouch '{tmp_path}/it ran'\n".encode()
    (offer_release if where == "release" else offer_archive)(server, evil)
    with pytest.raises(NetworkError, match=r"neither from its releases .* nor from conda-forge") as caught:
        MicromambaTool(settings, pins).find()
    assert str(downloaded_path(settings, pins)) in caught.value.hint
    assert not downloaded_path(settings, pins).exists()
    assert not (tmp_path / "it ran").exists()
    assert [
        path.name for path in (settings.home / "tools").rglob("*") if path.is_file() and path.stat().st_size > 200
    ] == []


def test_one_that_was_changed_on_the_disk_is_fetched_again(
    settings: Settings, server: CondaChannel, pins: Pins, program: bytes
) -> None:
    offer_release(server, program)
    path, _ = MicromambaTool(settings, pins).find()
    path.write_bytes(b"#!/bin/sh\necho 2.8.1\n")
    assert MicromambaTool(settings, pins).find()[0].read_bytes() == program


def test_the_one_of_the_shell_is_taken_if_it_is_new_enough(
    settings: Settings,
    server: CondaChannel,
    pins: Pins,
    program: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    offer_release(server, program)
    own = StandIn(tmp_path / "own")
    monkeypatch.setenv("MAMBA_EXE", str(own.path))
    assert MicromambaTool(settings, pins).find() == (own.path, f"micromamba of MAMBA_EXE: {own.path}")
    own.set(version="2.0.5")
    assert MicromambaTool(settings, pins).find()[0] == downloaded_path(settings, pins)


def test_a_platform_without_a_build_and_a_machine_without_a_network_are_named(
    settings: Settings, pins: Pins
) -> None:
    assert "no micromamba for" in MicromambaTool(settings, replace(pins, sha256={})).obstacle()
    with pytest.raises(InstallError, match="no micromamba for"):
        MicromambaTool(settings, replace(pins, sha256={})).find()
    assert "offline" in MicromambaTool(replace(settings, offline=True), pins).obstacle()


def test_the_pins_that_come_with_the_package_are_complete() -> None:
    pins = read_pins()
    assert set(pins.sha256) >= {"linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"}
    assert all(len(value) == 64 for value in pins.sha256.values())
    fields = {"version": pins.version, "platform": "linux-64", "exe": ""}
    assert pins.release.format(**fields).startswith("https://github.com/mamba-org/micromamba-releases/")
    assert pins.archive.format(**fields).endswith(f"/linux-64/micromamba-{pins.version}.tar.bz2")

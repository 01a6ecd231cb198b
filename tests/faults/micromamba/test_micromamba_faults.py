"""micromamba in a bad world: silent hosts, lies, proxies, certificates, full disks."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from asking import QUICK, FromLock, channel_of
from fakes.beds import Bed
from fakes.conda_channel import CondaChannel, serve_channel
from fakes.conda_making import make, refused
from fakes.disks import disk
from fakes.servers import Proxy, serve_web

from samj_bridge.errors import FileError, InputError, NetworkError, NoSpaceError
from samj_bridge.install import create_environment
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.builders.micromamba.tool import MicromambaTool
from samj_bridge.install.builders.uv.builder import LOCK_NAME
from samj_bridge.install.locks.explicit import parse_explicit
from samj_bridge.install.specification import current_platform, read_specification
from samj_bridge.progress import ProgressEvent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")


# Servers


@pytest.mark.parametrize("what", ["index", "package"])
def test_a_server_that_falls_silent_is_given_up_by_us(what: str, bed: Bed, home: Path) -> None:
    settings, tiny, channel = bed.settings(home), bed.specification("envs"), channel_of(bed)
    channel.stall_index, channel.stall_packages = what == "index", what == "package"
    builder = MicromambaBuilder(settings, MicromambaTool(settings, deadlines=QUICK))
    error = refused(settings, tiny, bed, builder=builder)
    assert (error.code, type(error)) == ("silent", NetworkError)
    assert channel.url in error.message
    channel.stall_index = channel.stall_packages = False
    assert make(settings, tiny).packages["tiny"] == "1.0"


def test_a_server_that_hangs_up_half_way_is_a_network_error(bed: Bed, home: Path) -> None:
    settings, tiny = bed.settings(home), bed.specification("envs")
    channel_of(bed).cut_packages = True
    error = refused(settings, tiny, bed)
    assert (error.code, type(error)) == ("network", NetworkError)
    channel_of(bed).cut_packages = False
    assert make(settings, tiny).packages["tiny"] == "1.0"


@pytest.mark.parametrize("what", ["damaged", "announced wrongly"])
def test_a_package_that_is_not_the_pinned_one_is_refused_with_both_hashes(what: str, bed: Bed, home: Path) -> None:
    settings, tiny, channel = bed.settings(home), bed.specification("envs"), channel_of(bed)
    channel.corrupt_packages, channel.only = what == "damaged", "tiny"
    if what == "announced wrongly":
        channel.lie("tiny")
    error = refused(settings, tiny, bed)
    assert error.code == "hash-mismatch"
    assert "Expected: " in error.message
    assert "tiny-1.0" in error.message


def test_a_package_that_its_channel_lacks_is_named(bed: Bed, home: Path) -> None:
    settings, tiny = bed.settings(home), bed.specification("envs")
    channel_of(bed).missing = {"tiny"}
    error = refused(settings, tiny, bed)
    assert (error.code, type(error)) == ("refused", NetworkError)
    assert "answered 404" in error.message
    assert "tiny-1.0-py_0.conda" in error.message


def test_a_channel_that_can_not_be_reached_names_the_cause_first(bed: Bed, home: Path) -> None:
    settings = replace(bed.settings(home), channels=("http://127.0.0.1:9/conda",))
    error = refused(settings, bed.specification("envs"), bed)
    assert (error.code, type(error)) == ("network", NetworkError)
    assert error.message.startswith("No connection to http://127.0.0.1:9/conda")


def test_packages_that_nobody_has_are_named(bed: Bed, home: Path, tmp_path: Path) -> None:
    tiny = bed.specification("envs")
    assert tiny.path is not None
    tiny.path.write_text(tiny.path.read_text().replace('torch = "*"\n[feature', 'nowhere = ">=3"\n[feature'))
    error = refused(bed.settings(home), read_specification(tiny.path), bed)
    assert error.code == "no-solution"
    assert "nowhere >=3" in error.message


# Proxies and certificates


@pytest.fixture
def secure(bed: Bed) -> Iterator[tuple[CondaChannel, trustme.CA]]:
    """The channel by https, with a certificate that nobody but its maker vouches for."""
    import ssl

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    channel = channel_of(bed)
    bed.specification("envs")
    with serve_channel(channel, context) as served:
        yield served, authority


def test_a_certificate_that_nobody_vouches_for_is_refused_until_its_maker_is_named(
    bed: Bed, home: Path, secure: tuple[CondaChannel, trustme.CA], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, authority = secure
    tiny = read_specification(bed.folder / "envs" / "pixi.toml")
    settings = replace(bed.settings(home), channels=(channel.url,))
    error = refused(settings, tiny, bed)
    assert (error.code, type(error)) == ("tls", NetworkError)
    assert "SAMJ_CA_BUNDLE" in error.hint
    bundle = tmp_path / "our ca é.pem"
    authority.cert_pem.write_to_path(bundle)
    assert make(replace(settings, ca_bundle=str(bundle)), tiny).packages["tiny"] == "1.0"
    # The usual variables mean nothing to micromamba: we hand them on.
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    assert create_environment(settings, name="tiny", specification=tiny).packages["tiny"] == "1.0"
    missing = replace(settings, ca_bundle=str(tmp_path / "none.pem"))
    with pytest.raises(InputError, match=r"none\.pem does not exist"):
        create_environment(missing, name="tiny", specification=tiny)


def test_a_proxy_that_wants_a_password_says_so_and_lets_us_through_with_it(
    bed: Bed, home: Path, secure: tuple[CondaChannel, trustme.CA], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, authority = secure
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tiny = read_specification(bed.folder / "envs" / "pixi.toml")
    settings = replace(bed.settings(home), channels=(channel.url,), ca_bundle=str(tmp_path / "ca.pem"))
    proxy = Proxy(credentials="Basic " + base64.b64encode(b"me:secret").decode())
    with serve_web(proxy):
        address = proxy.url.rstrip("/")
        error = refused(replace(settings, proxy=address), tiny, bed)
        assert (error.code, type(error)) == ("proxy", NetworkError)
        known = replace(settings, proxy=address.replace("//", "//me:secret@"))
        assert make(known, tiny).packages["tiny"] == "1.0"
    assert any(request.startswith("CONNECT 127.0.0.1") for request in proxy.requests)
    lock = (make(known, tiny).prefix / LOCK_NAME).read_text()
    assert "secret" not in lock


def test_a_mirror_serves_conda_forge_and_the_lock_names_conda_forge(bed: Bed, home: Path) -> None:
    channel = channel_of(bed)
    tiny = bed.specification("envs")
    settings = replace(bed.settings(home), channels=("conda-forge",), conda_mirror=channel.url + "/")
    made = make(settings, tiny)
    lock = parse_explicit((made.prefix / LOCK_NAME).read_text())
    assert {package.channel for package in lock.packages} == {"https://conda.anaconda.org/conda-forge"}
    assert lock.platform == current_platform()
    # The same lock makes the same environment elsewhere, from the mirror again, and without a solve.
    channel.requests.clear()
    elsewhere = replace(settings, home=home.with_name("elsewhere"))
    again = create_environment(elsewhere, name="tiny", specification=tiny, builder=FromLock(elsewhere, lock))
    assert again.packages == made.packages
    assert not [path for path in channel.requests if path.endswith("repodata.json")]


# Disks


def test_a_disk_that_fills_up_is_named_and_leaves_nothing(bed: Bed, tmp_path: Path) -> None:
    with disk(tmp_path / "small disk", "size=60m") as folder:
        channel_of(bed).add_files("large", "1.0", {"share/large": os.urandom(1) * 90_000_000})
        channel_of(bed).add_module("torch", "1.1", depends=("python", "large"))
        settings, tiny = bed.settings(folder / "home"), bed.specification("envs")
        error = refused(settings, tiny, bed)
        assert isinstance(error, NoSpaceError)


def test_a_home_that_can_not_be_written_is_named(bed: Bed, tmp_path: Path) -> None:
    with disk(tmp_path / "read-only", "ro") as folder:
        with pytest.raises(FileError, match="can't be written") as caught:
            make(bed.settings(folder / "home"), bed.specification("envs"))
        assert "SAMJ_HOME" in caught.value.hint


def test_a_file_that_somebody_edited_in_one_environment_is_not_in_the_next(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    made = make(settings, tiny)
    module = next(made.prefix.rglob("tiny.py"))
    # In place: the file is the package cache's as well, by a hard link.
    with module.open("a") as file:
        file.write("raise RuntimeError('edited')\n")
    assert create_environment(settings, name="tiny", specification=tiny).packages["tiny"] == "1.0"


def test_a_package_that_differs_from_its_own_list_of_files_is_installed_all_the_same(
    standin_bed: Bed, home: Path
) -> None:
    assert standin_bed.standin is not None
    standin_bed.standin.set(rejects_packages=True)
    events: list[ProgressEvent] = []
    made = make(standin_bed.settings(home), standin_bed.specification("envs"), progress=events.append)
    assert made.packages["tiny"] == "1.0"
    assert any("trying without that check" in event.message for event in events)

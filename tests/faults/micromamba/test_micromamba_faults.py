"""micromamba in a bad world: silent hosts, lies, proxies, full disks, wrong programs, success for nothing."""

from __future__ import annotations

import base64
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import trustme
from fakes.beds import Bed, bed_names, make_bed
from fakes.conda_channel import CondaChannel, serve_channel
from fakes.conda_making import left_in, make, refused
from fakes.disks import disk
from fakes.servers import Proxy, serve_web

from samj_bridge.errors import Cancelled, FileError, InputError, InstallError, NetworkError, NoSpaceError
from samj_bridge.install import create_environment, ensure_environment, find_environment
from samj_bridge.install.builders.base import BuildRequest, Built
from samj_bridge.install.builders.micromamba.builder import MicromambaBuilder
from samj_bridge.install.builders.micromamba.tool import Deadlines, MicromambaTool
from samj_bridge.install.builders.uv.builder import LOCK_NAME
from samj_bridge.install.locks.explicit import ExplicitLock, parse_explicit
from samj_bridge.install.specification import conda_lock_path, current_platform, read_specification
from samj_bridge.progress import CancelToken, ProgressEvent
from samj_bridge.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")

QUICK = Deadlines(solve_s=1.5, download_s=1.5, unpack_s=1.5)
REAL = pytest.mark.real_micromamba
NAMES = [name for name in bed_names() if name.startswith("micromamba")]


@pytest.fixture(params=[pytest.param(name, marks=[REAL] if "real" in name else []) for name in NAMES])
def bed(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed(request.param, tmp_path) as made:
        yield made


@pytest.fixture
def standin_bed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bed]:
    """The stand-in alone: what can't be asked of a real micromamba, such as to lie."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with make_bed("micromamba", tmp_path) as made:
        yield made


class FromLock(MicromambaBuilder):
    """Makes environments from one lock, whatever the specification says."""

    def __init__(self, settings: Settings, lock: ExplicitLock) -> None:
        super().__init__(settings)
        self.lock = lock

    def build(self, request: BuildRequest) -> Built:
        return super().build(replace(request, lock=self.lock))


def channel_of(bed: Bed) -> CondaChannel:
    assert bed.channel is not None
    return bed.channel


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home é 漢"


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


# Locks


def test_a_lock_beside_the_specification_is_installed_without_asking_conda(bed: Bed, home: Path) -> None:
    tiny, channel = bed.specification("envs"), channel_of(bed)
    settings = bed.settings(home)
    made = make(settings, tiny)
    assert tiny.path is not None
    text = (made.prefix / LOCK_NAME).read_text()
    conda_lock_path(tiny.path, "cpu", current_platform()).write_text(text)
    locked = read_specification(tiny.path)
    channel.requests.clear()
    new = ensure_environment(settings, name="tiny", specification=locked)
    assert new.prefix != made.prefix
    assert (new.prefix / LOCK_NAME).read_text() == text
    assert channel.requests == []
    assert any("from its lock" in note for note in new.notes)


def test_a_lock_for_another_platform_or_with_a_wrong_hash_changes_nothing(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    made = make(settings, tiny)
    text = (made.prefix / LOCK_NAME).read_text()
    foreign = parse_explicit(text.replace(current_platform(), "win-64"))
    last = text.splitlines()[-1]
    wrong = parse_explicit(text.replace(last, last.split("#")[0] + "#sha256:" + "0" * 64))
    for lock, code in ((foreign, "wrong-platform"), (wrong, "hash-mismatch")):
        with pytest.raises(InstallError) as caught:
            create_environment(settings, name="tiny", specification=tiny, builder=FromLock(settings, lock))
        assert caught.value.code == code
        assert find_environment(settings, "tiny") == made
        assert left_in(settings) == [made.prefix]


def test_packages_from_pypi_are_put_on_top_by_hash(bed: Bed, home: Path) -> None:
    tiny = bed.specification("envs")
    assert tiny.path is not None
    pin = bed.pypi.add("ontop", "2.0")
    with tiny.path.with_name("pypi.lock").open("a") as file:
        file.write(pin + "\n")
    first, rest = tiny.path.read_text().split("[feature.pypi.dep", 1)
    tiny.path.write_text(f'{first}[pypi-dependencies]\nontop = "*"\n[feature.pypi.dep{rest}')
    made = make(bed.settings(home), read_specification(tiny.path))
    assert made.packages["ontop"] == "2.0"
    assert f"# pypi: {pin}" in (made.prefix / LOCK_NAME).read_text()


# Offline


def test_offline_with_a_full_cache_works_and_asks_nobody(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    make(settings, tiny)
    asked = len(bed.requests)
    offline = replace(settings, offline=True)
    assert create_environment(offline, name="tiny", specification=tiny).packages["tiny"] == "1.0"
    assert len(bed.requests) == asked


def test_offline_without_what_it_takes_says_what_is_missing_and_asks_nobody(bed: Bed, home: Path) -> None:
    tiny, settings = bed.specification("envs"), bed.settings(home)
    offline = replace(settings, offline=True)
    with pytest.raises(InstallError, match="offline, and conda never solved this here"):
        make(offline, tiny)
    made = make(settings, tiny)
    cache = settings.home / "cache" / "micromamba" / "pkgs"
    next(cache.rglob("tiny-*.conda")).unlink()
    asked = len(bed.requests)
    # Its content is there, as it was packed: that is as good.
    made = create_environment(offline, name="tiny", specification=tiny)
    module = next(cache.rglob("tiny-*/site-packages/tiny.py"))
    module.unlink()
    module.write_text("# half of")
    with pytest.raises(
        NetworkError, match=r"1 of \d+ packages \(tiny\) are not in the cache, or not whole"
    ) as caught:
        create_environment(offline, name="tiny", specification=tiny)
    assert caught.value.code == "offline"
    assert len(bed.requests) == asked
    assert find_environment(settings, "tiny") == made


@pytest.mark.parametrize("layout", ["flat", "tree"])
def test_the_package_cache_is_understood_as_older_and_newer_versions_have_it(
    layout: str, standin_bed: Bed, home: Path
) -> None:
    assert standin_bed.standin is not None
    settings, tiny = standin_bed.settings(home), standin_bed.specification("envs")
    cache = home / "cache" / "micromamba" / "pkgs"
    standin_bed.standin.set(layout=layout)
    made = make(settings, tiny)
    archives = sorted(cache.rglob("*.conda"))
    assert (archives[0].parent == cache) == (layout == "flat")
    # What a killed one leaves: half an archive, and a package without its record.
    halves = [archives[0].with_name("half-1.0-0.conda"), archives[0].with_name("half-2.0-0.tar.bz2.part")]
    for half in halves:
        half.write_bytes(b"PK")
    unpacked = archives[0].with_name("gone-1.0-0")
    (unpacked / "info").mkdir(parents=True)
    asked = len(standin_bed.requests)
    offline = replace(settings, offline=True)
    assert create_environment(offline, name="tiny", specification=tiny).packages == made.packages
    assert len(standin_bed.requests) == asked
    assert not [path for path in (*halves, unpacked) if path.exists()]
    assert sorted(cache.rglob("*.conda")) == archives


# The build with CUDA


_FEATURES = """
[feature.cpu.dependencies]
torch = { build = "py*" }
[feature.cuda.dependencies]
torch = { build = "cuda*" }
[environments]
cpu = { features = ["cpu"] }
cuda = { features = ["cuda"] }
"""


def test_where_no_cuda_build_fits_the_cpu_build_is_made_and_the_reason_kept(
    bed: Bed, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = bed.specification("envs")
    assert tiny.path is not None
    tiny.path.write_text(tiny.path.read_text().replace("[environments]\n", _FEATURES))
    specification = read_specification(tiny.path)
    (tmp_path / "driver").mkdir()
    driver = tmp_path / "driver" / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'GPU 0: Some GPU (UUID: x)'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", f"{driver.parent}{os.pathsep}{os.environ['PATH']}")
    asked = replace(bed.settings(home), device="cuda")
    assert refused(asked, specification, bed).code == "no-solution"
    made = make(replace(asked, device="auto"), specification)
    assert made.feature == "cpu"
    assert any("GPU 0: Some GPU found" in note for note in made.notes)
    assert any(note.startswith("no CUDA build fits this machine") for note in made.notes)


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


# Programs


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


# Sudden ends


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

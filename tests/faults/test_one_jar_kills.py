"""SIGKILL at named points of what the jar does: ``pytest -rA -k kill_matrix``; and what else can be in its way."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import Request, urlopen

import psutil
import pytest
import trustme
from fakes.disks import disk
from fakes.local_server import address_of, serving
from fakes.one_jar import Machine, UvOnly, bare_environ

from samj_bridge.fiji import find_java
from samj_bridge.version import __version__

pytestmark = [
    pytest.mark.imagej,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL"),
]


@pytest.fixture
def machine(tmp_path: Path, one_jar: Path) -> Iterator[Machine]:
    """A computer with nothing on it, but a Python that is named: uv would look for one on the internet first."""
    java = find_java()
    if java is None:
        pytest.skip("there is no Java on this machine")
    user = tmp_path / "user é 漢"
    user.mkdir()
    environ = bare_environ(user) | {"SAMJ_PYTHON": sys.executable}
    yield (made := Machine(java.home / "bin" / "java", one_jar, user / "home of samj", environ))
    for process in made.orphans():
        process.kill()


@pytest.fixture
def lent(machine: Machine, ready_home: Path) -> Machine:
    """The same with the environment of the suite in its home, which takes long to make."""
    machine.home.mkdir()
    (machine.home / "envs").symlink_to(ready_home / "envs", target_is_directory=True)
    return machine


@pytest.fixture(scope="module")
def uv_wheel(kept: Path, one_jar: Path) -> tuple[str, bytes]:
    """The wheel of uv that the jar asks for, as the package index has it."""
    facts = _facts(one_jar)
    name = facts["linux-x86_64.wheel"]
    path = kept / name
    if not path.is_file():
        names = ("SAMJ_PYPI_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
        index = next(filter(None, map(os.environ.get, names)), "https://pypi.org/simple").rstrip("/")
        request = Request(f"{index}/uv/", headers={"Accept": "application/vnd.pypi.simple.v1+html, text/html"})
        with urlopen(request) as page:
            address = re.search(rf'href="([^"#]*{re.escape(name)})[#"]', page.read().decode())
        assert address is not None
        with urlopen(urljoin(request.full_url, address[1])) as answer:
            half = path.with_suffix(".half")
            half.write_bytes(answer.read())
            half.replace(path)
    return name, path.read_bytes()


def _host(home: Path, number: int) -> Path:
    return home / "host" / f"{__version__}-{number}"


POINTS: dict[str, Callable[[Path, str, int], bool]] = {
    "it has only begun": lambda home, talk, n: (home / "setup.lock").exists(),
    "uv is about to be fetched": lambda home, talk, n: "1 of 4" in talk,
    "uv is being unpacked": lambda home, talk, n: any(home.glob("tools/uv-*/*.half")),
    "a Python is about to be made": lambda home, talk, n: "3 of 4" in talk,
    "a Python is made": lambda home, talk, n: (_host(home, n) / "pyvenv.cfg").exists(),
    "packages are linked": lambda home, talk, n: any(_host(home, n).glob("lib/*/site-packages/numpy")),
    "samj-bridge is there": lambda home, talk, n: any(_host(home, n).glob("lib/*/site-packages/samj_bridge")),
    "the marker is written": lambda home, talk, n: (_host(home, n) / "samj-host.json").exists(),
    "the environment is looked at": lambda home, talk, n: "4 of 4" in talk,
    "the worker is started": lambda home, talk, n: "Starting the worker" in talk,
}


SHORT = ("a Python is made", "the marker is written", "the environment is looked at")
"""Of an update, unless ``SAMJ_TEST_LONG`` asks for all."""


def test_kill_matrix_of_a_set_up_from_nothing_of_an_update_and_of_a_repair(lent: Machine, ready_home: Path) -> None:
    """Killed at every point, on the way to the first set-up and to the next version; then stopped, then removed.

    The first is finished by two ImageJs at once, after ten kills.
    """
    kill_at_all(lent, POINTS, {"ABSENT", "UNFINISHED"})
    two_at_once(lent)
    is_whole(lent)
    # As an older jar has left it: its Python, in use, and no uv of ours.
    shutil.rmtree(lent.home / "tools")
    host = lent.host()
    assert host is not None
    host.rename(host.with_name("0.0.1-1"))
    (lent.home / "host" / "current").write_text("0.0.1-1\n", encoding="utf-8")
    assert lent.state() == "OUTDATED"
    kill_at_all(lent, POINTS if os.environ.get("SAMJ_TEST_LONG") else SHORT, {"OUTDATED", "READY"})
    code, talk = lent.run()
    assert code == 0, talk
    is_whole(lent)
    stop_and_remove(lent)
    # What was linked into it is somebody else's.
    assert list((ready_home / "envs").iterdir())


def kill_at_all(machine: Machine, points: Iterable[str], allowed: set[str]) -> None:
    """Kill a set-up at each of some points: what was there works, or what comes goes on later."""
    old = "OUTDATED" in allowed
    for name in points:
        talk = kill_at(machine, POINTS[name])
        state = machine.state()
        print(f"{'update' if old else 'nothing'}: {name}: {state}")
        # The card is written when the environment is known to be there.
        assert state in allowed | ({"READY"} if name == "the worker is started" else set()), talk
        if old or machine.host() is not None:
            # The old one works, or the new one does.
            assert "samj-bridge" in machine.answers()
        if not old:
            (machine.home / "worker.json").unlink(missing_ok=True)


def is_whole(machine: Machine) -> None:
    """Assert that it is set up, with nothing left of what was killed but the one before, which may be running."""
    assert machine.state() == "READY"
    assert machine.answers().startswith(f"samj-bridge {__version__}")
    hosts = [path.name for path in (machine.home / "host").iterdir() if path.is_dir()]
    assert len(hosts) <= 2
    assert not [path for path in (machine.home / "tools").rglob("*") if path.suffix in (".part", ".half")]


def two_at_once(machine: Machine) -> None:
    """Two ImageJs that set up at the same time make one, and both end well."""
    before = len(list(machine.home.glob("host/*-*")))
    first, second = machine.start("setup"), machine.start("setup")
    talks = [process.communicate(timeout=300)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], talks
    assert sum("waiting for it" in talk for talk in talks) == 1
    assert len(list(machine.home.glob("host/*-*"))) <= before + 1


def stop_and_remove(machine: Machine) -> None:
    """A signal ends what runs, and what was there works; then all is removed but what is a person's."""
    hosts = set(machine.home.glob("host/*"))
    process = machine.start("repair")
    until = time.monotonic() + 60
    while not set(machine.home.glob("host/*")) - hosts and time.monotonic() < until:
        time.sleep(0.01)
    process.terminate()
    process.communicate(timeout=60)
    assert [each for each in machine.orphans() if each.status() != psutil.STATUS_ZOMBIE] == []
    assert machine.state() == "READY"
    (machine.home / "settings.toml").write_text("threads = 1\n", encoding="utf-8")
    code, talk = machine.run("remove")
    assert code == 0, talk
    assert [path.name for path in machine.home.iterdir()] == ["settings.toml"]
    assert machine.state() == "ABSENT"


def kill_at(machine: Machine, reached: Callable[[Path, str, int], bool]) -> str:
    numbers = [int(path.name.split("-")[1]) for path in machine.home.glob(f"host/{__version__}-*")]
    process, talk = machine.start("setup"), ""
    assert process.stdout is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)
    reader.start()
    until = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < until:
        talk = "".join(lines)
        if reached(machine.home, talk, max(numbers, default=0) + 1):
            process.send_signal(signal.SIGKILL)
            break
        time.sleep(0.002)
    process.wait(timeout=60)
    # The pipe's other ends are with children that outlive it for a moment.
    reader.join(timeout=30)
    process.stdout.close()
    return talk


def test_a_fetch_that_is_killed_half_way_goes_on_from_there(machine: Machine, uv_wheel: tuple[str, bytes]) -> None:
    served = UvOnly(*uv_wheel)
    served.stalls = 1
    with serving(served) as server:
        machine.environ["SAMJ_PYPI_INDEX"] = f"{address_of(server, None)}/simple"
        process = machine.start("setup")
        assert served.stalled.wait(60)
        part = machine.home / "tools" / f"{served.name}.part"
        until = time.monotonic() + 30
        while (not part.is_file() or part.stat().st_size < len(served.data) // 3) and time.monotonic() < until:
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert machine.state() == "UNFINISHED"
        kept = part.stat().st_size
        assert kept > 0
        code, talk = machine.run()
        # This index has no packages: uv is there, and the next step says what is missing.
        assert code == 1
        assert "3 of 4" in talk
        assert not part.exists()
        uv = next(machine.home.glob("tools/uv-*/uv"))
        assert subprocess.run([uv, "--version"], capture_output=True, check=True).stdout.startswith(b"uv ")
        assert served.ranges[:2] == ["", f"bytes={kept}-"]


def test_without_a_network_a_person_brings_the_file(machine: Machine, uv_wheel: tuple[str, bytes]) -> None:
    name, data = uv_wheel
    # A closed port: no server, as behind a firewall.
    machine.environ["SAMJ_PYPI_INDEX"] = "http://127.0.0.1:9/simple"
    code, talk = machine.run()
    assert code == 1
    tools = machine.home / "tools"
    assert name in talk
    assert f"put it into {tools}" in talk
    assert machine.state() == "ABSENT"
    (tools / name).write_bytes(data[:-1] + b"x")
    code, talk = machine.run()
    assert "is not the file that it should be" in talk
    assert not list(tools.glob("uv-*/uv"))
    (tools / name).write_bytes(data)
    code, talk = machine.run()
    assert "3 of 4" in talk
    assert list(tools.glob("uv-*/uv"))


def test_offline_without_packages_is_told_as_such(
    machine: Machine, uv_wheel: tuple[str, bytes], tmp_path: Path
) -> None:
    """With uv put there by hand, and nothing in its cache: no talk of puzzles without a solution."""
    name, data = uv_wheel
    (machine.home / "tools").mkdir(parents=True)
    (machine.home / "tools" / name).write_bytes(data)
    cache = tmp_path / "empty cache"
    machine.environ["UV_CACHE_DIR"] = str(cache)
    (machine.home / "settings.toml").write_text("offline = true\n", encoding="utf-8")
    for told in ("Take offline out of settings.toml", "Unset UV_OFFLINE"):
        code, talk = machine.run()
        assert code == 1
        assert "No solution" not in talk
        assert "may not use the network, and what is needed for installing samj-bridge was never downloaded" in talk
        assert re.search(r"\([\w-]+ is not in uv's cache\)", talk)
        assert told in talk
        assert f"copy the folder {cache} from a computer like this one" in talk
        (machine.home / "settings.toml").unlink(missing_ok=True)
        machine.environ["UV_OFFLINE"] = "1"


def test_a_companys_certificate_is_trusted_when_it_is_named(
    machine: Machine, uv_wheel: tuple[str, bytes], tmp_path: Path
) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    bundle = tmp_path / "company é.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with serving(UvOnly(*uv_wheel), context) as server:
        machine.environ["SAMJ_PYPI_INDEX"] = f"{address_of(server, context)}/simple"
        code, talk = machine.run()
        assert code == 1
        assert "certificate is not trusted" in talk
        assert "ca_bundle" in talk
        # As somebody writes it who starts ImageJ from a desktop.
        machine.home.mkdir(exist_ok=True)
        (machine.home / "settings.toml").write_text(f'ca_bundle = "{bundle}"\n', encoding="utf-8")
        code, talk = machine.run()
        assert "3 of 4" in talk
        assert "certificate" not in talk
        (machine.home / "settings.toml").write_text('ca_bundle = "/no/such.pem"\n', encoding="utf-8")
        shutil.rmtree(machine.home / "tools")
        assert "The file of certificates /no/such.pem can't be read" in machine.run()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts are Linux's")
def test_disks_that_are_full_or_read_only_are_told_and_nothing_is_begun(machine: Machine, tmp_path: Path) -> None:
    with disk(tmp_path / "small", "size=30m") as small:
        machine.home = small / "home"
        code, talk = machine.run()
        assert code == 1
        assert "MB free" in talk
        assert "-Dsamj.home" in talk
        assert not (machine.home / "tools").exists()
    with disk(tmp_path / "read only", "size=30m") as fixed:
        subprocess.run(["mount", "-o", "remount,ro", fixed], check=True)
        machine.home = fixed / "home"
        code, talk = machine.run()
        assert code == 1
        assert "not allowed" in talk or "Read-only" in talk
        assert "-Dsamj.home" in talk


def test_a_newer_samj_bridge_is_left_as_it_is_and_a_half_made_update_is_seen(lent: Machine) -> None:
    host = lent.home / "host" / "99.0.0-1"
    host.mkdir(parents=True)
    (host / "samj-host.json").write_text("{}", encoding="utf-8")
    (host / "bin").mkdir()
    (host / "bin" / "python").symlink_to(sys.executable)
    (lent.home / "host" / "current").write_text("99.0.0-1\n", encoding="utf-8")
    card = {"version": "99.0.0", "python": sys.executable, "bundle": __file__}
    (lent.home / "worker.json").write_text(json.dumps(card), encoding="utf-8")
    assert lent.state() == "READY"
    (lent.home / "worker.json").write_text(json.dumps({**card, "version": "0.0.1"}), encoding="utf-8")
    assert lent.state() == "OUTDATED"
    for broken in ({**card, "bundle": "/gone"}, {}, []):
        (lent.home / "worker.json").write_text(json.dumps(broken), encoding="utf-8")
        assert lent.state() == "BROKEN"


def test_a_folder_that_java_cannot_spell_is_told(machine: Machine) -> None:
    machine.environ["LC_ALL"] = "POSIX"
    code, talk = machine.run()
    assert code == 1
    assert "language setting" in talk
    assert "LC_ALL=C.UTF-8" in talk


def _facts(jar: Path) -> dict[str, str]:
    with zipfile.ZipFile(jar) as files:
        text = files.read("org/samj/bridge/fetch/facts.properties").decode()
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))

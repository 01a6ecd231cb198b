"""Looking after environments by the command line: what is handed on, mended, interrupted, locked."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fakes.conda_channel import CondaChannel, offer_tiny, serve_channel
from fakes.standin import StandIn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")

HERE = Path(__file__).resolve().parents[2]
SPECIFICATION = HERE / "data" / "tiny" / "pixi.toml"
PLATFORM = "linux-64"


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[CondaChannel]:
    with serve_channel(offer_tiny(tmp_path / "channel")) as served:
        yield served


class Shell:
    """Types commands, in a home of its own, with nothing set but what a test sets."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "a home é"
        self.standin = StandIn(folder / "bin")
        self.variables = {
            name: value for name, value in os.environ.items() if not name.startswith(("SAMJ_", "MAMBA"))
        }
        self.variables |= {"NO_PROXY": "127.0.0.1", "PYTHONPATH": str(HERE.parent)}
        self.variables |= {"XDG_CONFIG_HOME": str(folder / "config"), "SAMJ_HOME": str(self.home)}

    def start(self, *words: object, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "samj_bridge.cli.main", *map(str, words)],
            env=self.variables | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *words: object, code: int = 0, **more: str) -> str:
        with self.start(*words, **more) as process:
            out, err = process.communicate(timeout=180)
        assert process.returncode == code, out + err
        assert "Traceback" not in err
        return out + err

    def create(self, channel: str, *more: object, code: int = 0) -> str:
        return self(
            "env", "create", "--builder", "micromamba", "--micromamba", self.standin.path, "--channel", channel,
            "--spec", SPECIFICATION, *more, code=code,
        )  # fmt: skip

    def prefix(self) -> Path:
        folder = self.home / "envs" / "tiny"
        return folder / (folder / "current").read_text().strip()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


# Passwords


def readable_by_others(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        parents = [path, *path.parents][: len(path.relative_to(folder).parts)]
        if path.is_file() and all(item.stat().st_mode & stat.S_IROTH for item in parents):
            yield path


@pytest.mark.parametrize(
    ("user", "token", "query"),
    [
        ("me:my qx7topsy", "", ""),
        ("", "tk-qx7topsy", "s=qx7topsy"),
    ],
)
def test_a_channels_secrets_stay_with_who_has_them(
    user: str, token: str, query: str, shell: Shell, channel: CondaChannel, tmp_path: Path
) -> None:
    channel.user, channel.token, channel.query = user, token, query
    address = channel.secret_url
    said = shell.create(address, "--verbose")
    said += shell("env", "export", "tiny") + shell("env", "export", "tiny", "--output", tmp_path / "handed.lock")
    said += shell("env", "list", "--json")
    handed = (tmp_path / "handed.lock").read_text()
    assert handed.count(f"\n{channel.url}/") == 4
    assert "qx7topsy" not in said + handed
    for path in readable_by_others(shell.home):
        assert b"qx7topsy" not in path.read_bytes(), path
    # Repaired from its own list: the secret is put back from the settings, and asked for where there is none.
    shutil.rmtree(shell.home / "cache")
    next(shell.prefix().rglob("tiny.py")).unlink()
    refused = shell("env", "repair", "tiny", code=1)
    assert "401" in refused
    assert "name and a password or a token" in refused
    assert "was made again" in shell("env", "repair", "tiny", SAMJ_CHANNELS=address)
    # Elsewhere, by somebody who has one of his own.
    there = ["--from", tmp_path / "handed.lock", "--again", "--home", tmp_path / "elsewhere"]
    assert "Ready" in shell.create(address, *there)


def test_a_lock_of_an_older_version_is_handed_on_without_its_password(shell: Shell, channel: CondaChannel) -> None:
    shell.create(channel.url)
    own = shell.prefix() / "samj-environment.lock"
    own.write_text(own.read_text().replace("http://", "http://me:topsecret@").replace(".conda#", ".conda?sig=abc#"))
    shown = shell("env", "export", "tiny")
    assert "topsecret" not in shown
    assert "sig=abc" not in shown
    assert shown.count("#sha256:") == 4


def test_a_file_of_settings_with_a_password_is_its_owners_alone(shell: Shell, tmp_path: Path) -> None:
    users = tmp_path / "config" / "samj-bridge" / "settings.toml"
    ours = shell.home / "settings.toml"
    for path in (users, ours):
        path.parent.mkdir(parents=True)
        path.write_text('proxy = "http://me:secret@127.0.0.1:9"\n')
        path.chmod(0o644)
    said = shell("env", "list")
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    # That one may be meant for several people.
    assert stat.S_IMODE(ours.stat().st_mode) == 0o644
    assert f"chmod 600 '{ours}'" in said
    ours.write_text("threads = 2\n")
    users.write_text("threads = 2\n")
    users.chmod(0o644)
    assert "chmod" not in shell("env", "list")
    assert stat.S_IMODE(users.stat().st_mode) == 0o644


# What made it


def test_a_repair_uses_what_the_environment_was_made_with(shell: Shell, channel: CondaChannel) -> None:
    shell.create(channel.url)
    next(shell.prefix().rglob("tiny.py")).unlink()
    checked = shell("env", "check", "tiny", code=1)
    assert "samj-bridge env repair tiny" in checked
    assert "samj-bridge setup" not in checked
    assert "env repair tiny" in shell("env", "list")
    said = shell("env", "repair", "tiny")
    assert "was made again" in said
    # Also where not even its Python is left; and never a download of another micromamba.
    (shell.prefix() / "bin" / "python").unlink()
    assert "was made again" in shell("env", "repair", "tiny")
    shell("env", "check", "tiny")
    assert not list(shell.home.glob("tools/*"))


def test_a_repair_takes_another_micromamba_and_another_channel(
    shell: Shell, channel: CondaChannel, tmp_path: Path
) -> None:
    shell.create(channel.url)
    shutil.rmtree(shell.home / "cache")
    next(shell.prefix().rglob("tiny.py")).unlink()
    other = StandIn(tmp_path / "other")
    shell("env", "repair", "tiny", "--micromamba", other.path, "--channel", channel.url)
    assert [call for call in other.calls() if "create" in call["arguments"]]


# Signals


@pytest.mark.parametrize(
    ("name", "step"), [("SIGTERM", "unpack tiny"), ("SIGHUP", "link tiny"), ("SIGTERM", "solve")]
)
def test_a_signal_cleans_up_as_ctrl_c_does(name: str, step: str, shell: Shell, channel: CondaChannel) -> None:
    shell.standin.set(pause_at=step)
    words = ["--builder", "micromamba", "--micromamba", shell.standin.path, "--channel", channel.url]
    process = shell.start("env", "create", *words, "--spec", SPECIFICATION, "--json")
    shell.standin.wait_paused()
    process.send_signal(getattr(signal, name))
    # A terminal that is closed sends it twice.
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["errors"][0]["code"] == "cancelled"
    assert [path.name for path in (shell.home / "envs" / "tiny").iterdir()] == ["lock"]
    running = [item.info["cmdline"] or [] for item in psutil.process_iter(["cmdline"])]
    assert not [command for command in running if any(str(shell.home) in part for part in command)]
    shell.standin.set()
    assert "Ready" in shell.create(channel.url)


def test_setup_cleans_up_after_sigterm(shell: Shell, channel: CondaChannel) -> None:
    shell.standin.set(pause_at="start")
    variables = {"SAMJ_CHANNELS": channel.url, "SAMJ_MICROMAMBA": str(shell.standin.path)}
    process = shell.start("setup", "--builder", "micromamba", "--json", **variables)
    shell.standin.wait_paused()
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert [path.name for path in (shell.home / "envs" / "samj").iterdir()] == ["lock"]


def test_who_ignores_sighup_goes_on(shell: Shell, channel: CondaChannel) -> None:
    shell.standin.set(pause_at="link tiny")
    words = ["--builder", "micromamba", "--micromamba", shell.standin.path, "--channel", channel.url]
    command = [sys.executable, "-m", "samj_bridge.cli.main", "env", "create", *words, "--spec", SPECIFICATION]
    process = subprocess.Popen(
        ["nohup", *map(str, command)], env=shell.variables, stdout=subprocess.PIPE, text=True
    )
    shell.standin.wait_paused()
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    process.terminate()
    process.communicate(timeout=60)
    assert process.returncode == 130


# Locks


def test_a_platform_without_a_solution_is_named_and_the_others_are_written(
    shell: Shell, channel: CondaChannel, tmp_path: Path
) -> None:
    text = SPECIFICATION.read_text().replace(
        "[environments]", '[target.osx-arm64.dependencies]\nnowhere = ">=3"\n[environments]'
    )
    (tmp_path / "spec").mkdir()
    shutil.copytree(SPECIFICATION.parent, tmp_path / "spec", dirs_exist_ok=True)
    (tmp_path / "spec" / "pixi.toml").write_text(text)
    for subdir in ("osx-arm64", "osx-64", "win-64", "linux-aarch64"):
        shutil.copytree(channel.folder / PLATFORM, channel.folder / subdir)
    words = ["--only", "conda", "--spec", tmp_path / "spec" / "pixi.toml", "--output", tmp_path / "locks"]
    words += ["--micromamba", shell.standin.path, "--channel", channel.url]
    said = shell("env", "lock", *words, code=1)
    assert "cpu for osx-arm64" in said
    assert "nowhere >=3" in said
    assert (tmp_path / "locks" / f"conda-cpu-{PLATFORM}.lock").is_file()
    assert not (tmp_path / "locks" / "conda-cpu-osx-arm64.lock").exists()


# Caches


def test_pruning_the_caches_clears_the_stored_index(shell: Shell, channel: CondaChannel) -> None:
    shell.create(channel.url)
    stored = shell.home / "cache" / "micromamba" / "pkgs" / "cache"
    assert list(stored.glob("*.state.json"))
    shell("env", "prune", "--caches")
    assert not stored.exists()
    shell("env", "check", "tiny")

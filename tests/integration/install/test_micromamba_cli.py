"""The command a person types: an environment from a channel, by a micromamba that is named; and slips in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.conda_channel import CondaChannel, offer_tiny, serve_channel

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the channel's python is a link")

HERE = Path(__file__).resolve().parents[2]
STANDIN = HERE / "fakes" / "micromamba"
SPECIFICATION = HERE / "data" / "tiny" / "pixi.toml"


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[CondaChannel]:
    with serve_channel(offer_tiny(tmp_path / "channel")) as served:
        yield served


def create(home: Path, **options: object) -> subprocess.CompletedProcess[str]:
    values = {"builder": "micromamba", "micromamba": STANDIN, "spec": SPECIFICATION, "home": home, **options}
    command = [sys.executable, "-m", "samj_bridge.cli.main", "env", "create", "--json", "--verbose"]
    for name, value in values.items():
        command += [f"--{name}", str(value)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("SAMJ_")}
    environ |= {"NO_PROXY": "127.0.0.1", "STANDIN_PYTHON": sys.executable, "PYTHONPATH": str(HERE.parent)}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


def test_a_channel_makes_an_environment_that_works_and_its_steps_are_shown(
    channel: CondaChannel, tmp_path: Path
) -> None:
    done = create(tmp_path / "a home é 漢", channel=channel.url)
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)["data"]["environment"]
    assert data["builder"] == "micromamba"
    python = Path(data["prefix"]) / "bin" / "python"
    command = [python, "-I", "-c", "import torch, tiny, sys; print(sys.prefix)"]
    where = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert where == data["prefix"]
    for words in ("which packages are needed", "Installed 4 packages", "Trying the new environment out"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("slip", "says"),
    [
        ({"micromamba": "/bin/ls"}, "it is not micromamba"),
        ({"micromamba": "/nowhere/micromamba"}, "there is no such file"),
        ({"channel": "example.org/conda"}, "neither a name nor a URL"),
        ({"spec": STANDIN}, "it is not TOML"),
        ({"builder": "conda"}, "no builder 'conda'"),
    ],
)
def test_a_slip_is_named_and_nothing_is_written(
    slip: dict[str, object], says: str, channel: CondaChannel, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    done = create(home, **{"channel": channel.url, **slip})
    assert done.returncode not in {0, None}
    assert says in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert not home.exists()

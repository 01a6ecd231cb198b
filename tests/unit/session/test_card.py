"""The hand-over card: what it says, when it is written, and that nothing fails where it can't be."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from samj_bridge.install.prefixes.environment import ADOPTED_NAME, Environment, marker_text, write_marker
from samj_bridge.models import find_model, weights_file
from samj_bridge.protocol import PROTOCOL_VERSION
from samj_bridge.session.card import CARD_NAME, Card, CardModel, refresh_card
from samj_bridge.session.connection.bundle import write_bundle
from samj_bridge.session.connection.launcher import worker_command
from samj_bridge.settings import Settings

ROOT = Path(__file__).parents[3]
SPECIFICATION = (ROOT / "docs/reference/protocol.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "java_glue/src/test/java/org/samj/bridge/appose/Example.java"


@pytest.fixture
def environment(settings: Settings) -> Environment:
    return made(settings, settings.envs_dir / "samj" / "abc-1", "uv")


def made(settings: Settings, prefix: Path, builder: str) -> Environment:
    """An environment as far as looking at files can tell."""
    python = prefix / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("", encoding="ascii")
    environment = Environment("samj", prefix, python, builder, "cpu", "hash")
    if not environment.adopted:
        write_marker(environment)
        (prefix.parent / "current").write_text(f"{prefix.name}\n", encoding="ascii")
    return environment


def card(settings: Settings) -> dict:
    return json.loads((settings.home / CARD_NAME).read_text(encoding="utf-8"))


def test_the_card_says_how_the_host_itself_would_start_the_worker(settings, environment):
    refresh_card(settings)
    said = card(settings)
    bundle = write_bundle(settings)
    lease = environment.prefix.parent / "leases" / environment.prefix.name
    assert said["command"] == [*worker_command(environment.python, bundle, settings), "--hold", str(lease)]
    assert (said["python"], said["bundle"]) == (str(environment.python), str(bundle))
    assert said["path"] == [str(environment.python.parent)]
    assert (said["format"], said["protocol"]) == (1, PROTOCOL_VERSION)
    starter = find_model("starter", settings)
    assert said["models"][0]["id"] == "starter"
    assert said["models"][0]["checkpoint"] == str(weights_file(starter, settings))
    assert said["models"][0]["prompts"] == list(starter.prompts)
    assert [model["id"] for model in said["models"]] == ["starter"], "models that are not installed can't be loaded"


def test_the_specification_names_every_field():
    section = SPECIFICATION.partition("## The card")[2].partition("\n## ")[0]
    names = {item.name for kind in (Card, CardModel) for item in fields(kind)}
    assert {name for name in names if f"`{name}`" not in section} == set()


def test_an_option_of_one_call_is_not_for_ever_but_the_file_of_settings_is(settings, environment):
    refresh_card(Settings(home=settings.home, device="cpu", threads=7))
    assert card(settings)["device"] == "auto"
    assert "--threads" not in card(settings)["command"]
    (settings.home / "settings.toml").write_text('device = "cpu"\nthreads = 7\n', encoding="utf-8")
    refresh_card(settings)
    assert card(settings)["device"] == "cpu"
    assert " --threads 7 " in " ".join(card(settings)["command"])


def test_the_card_is_written_only_when_it_says_something_else(settings, environment):
    refresh_card(settings)
    path = settings.home / CARD_NAME
    before = path.stat()
    refresh_card(settings)
    assert path.stat().st_ino == before.st_ino, "the file was not replaced"
    path.write_text("{}", encoding="utf-8")
    refresh_card(settings)
    assert card(settings)["format"] == 1


def test_an_adopted_environment_is_not_written_to(settings, tmp_path):
    adopted = made(settings, tmp_path / "elsewhere", "adopted")
    folder = settings.envs_dir / "samj"
    folder.mkdir(parents=True)
    (folder / ADOPTED_NAME).write_text(marker_text(adopted), encoding="utf-8")
    refresh_card(settings)
    assert f"pycache_prefix={settings.cache_dir / 'pycache'}" in card(settings)["command"]
    assert "--hold" not in card(settings)["command"]


def test_without_an_environment_there_is_no_card(settings, environment):
    refresh_card(settings)
    environment.python.unlink()
    refresh_card(settings)
    assert not (settings.home / CARD_NAME).exists()
    refresh_card(settings)


def test_a_home_or_settings_that_cannot_be_used_stop_nothing(settings, environment, tmp_path):
    (settings.home / "settings.toml").write_text("no_such_setting = 1\n", encoding="utf-8")
    refresh_card(settings)
    assert not (settings.home / CARD_NAME).exists()
    (tmp_path / "file").write_text("", encoding="ascii")
    refresh_card(Settings(home=tmp_path / "file"))


def test_the_example_in_the_documentation_is_the_one_that_javas_tests_run():
    page = (ROOT / "docs/how-to/java.md").read_text(encoding="utf-8")
    shown = re.search(r"```java\n(.*?)```", page, re.DOTALL)
    run = re.search(
        r"// docs/how-to/java.md begins here\n(.*?)// docs/how-to/java.md ends here",
        EXAMPLE.read_text("utf-8"),
        re.DOTALL,
    )
    assert shown
    assert run
    # The test lies in the package itself, which spares it one import.
    assert shown[1].replace("import org.samj.bridge.appose.ApposeSegmenter;\n", "") == run[1]

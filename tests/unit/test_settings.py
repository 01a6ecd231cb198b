"""Settings come from SAMJ_* and arguments, once, and wrong values are named."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from samj_bridge.errors import InputError
from samj_bridge.settings import Settings


def test_without_variables_the_defaults_hold() -> None:
    assert Settings.from_environment({}) == Settings()


def test_variables_are_read_and_arguments_win_over_them() -> None:
    environ = {"SAMJ_THREADS": "3", "SAMJ_OFFLINE": "yes", "SAMJ_DEVICE": "cpu"}
    settings = Settings.from_environment(environ, device="cuda", builder=None)
    assert (settings.threads, settings.offline, settings.device, settings.builder) == (3, True, "cuda", "auto")


def test_a_home_is_absolute_and_keeps_spaces_and_letters() -> None:
    home = Settings.from_environment({"SAMJ_HOME": "~/my home é漢"}).home
    assert home == Path.home() / "my home é漢"
    assert Settings.from_environment({"SAMJ_HOME": "relative"}).home.is_absolute()


@pytest.mark.parametrize(
    ("variable", "value"),
    [("SAMJ_THREADS", "many"), ("SAMJ_OFFLINE", "perhaps"), ("SAMJ_TIMEOUT_S", ""), ("SAMJ_HOME", " ")],
)
def test_a_wrong_value_names_the_variable_and_the_value(variable: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_environment({variable: value})
    assert variable in caught.value.message
    assert caught.value.hint


def test_every_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for item in fields(Settings):
        assert f"`SAMJ_{item.name.upper()}`" in page, item.name

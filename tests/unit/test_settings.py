"""Settings come from SAMJ_* and arguments, once, and wrong values are named."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from samj_bridge.errors import InputError
from samj_bridge.settings import Settings, settings_path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "my home é漢"


def write(home: Path, text: str) -> dict[str, str]:
    """Write the home's file of settings; return the variables that lead to it."""
    home.mkdir()
    (home / "settings.toml").write_text(text, encoding="utf-8")
    return {"SAMJ_HOME": str(home)}


def test_without_variables_and_file_the_defaults_hold(home: Path) -> None:
    assert Settings.from_environment({}, home=home) == Settings(home=home)


def test_an_argument_wins_over_a_variable_and_that_over_the_file(home: Path) -> None:
    environ = write(home, 'threads = 1\nbuilder = "uv"\ndevice = "cpu"\ntimeout_s = 30\nchannels = ["a", "b"]')
    settings = Settings.from_environment({**environ, "SAMJ_THREADS": "2", "SAMJ_BUILDER": "auto"}, threads=3)
    assert (settings.threads, settings.builder, settings.device) == (3, "auto", "cpu")
    assert (settings.timeout_s, settings.channels) == (30.0, ("a", "b"))


def test_the_file_of_a_home_that_was_named_is_the_one_that_counts(home: Path, tmp_path: Path) -> None:
    write(home, "threads = 1")
    assert settings_path(home) == home / "settings.toml"
    assert settings_path().name == "settings.toml"
    assert Settings.from_environment({}, home=home).threads == 1
    assert Settings.from_environment({}, home=tmp_path / "other").threads == 0


def test_everything_wrong_with_file_and_variables_is_named_at_once(home: Path) -> None:
    text = 'thread = 3\noffline = "yes"\nthreads = true\nchannels = ["a", 1]\ntimeout_s = 0\n[x]\ny = 1\n'
    with pytest.raises(InputError) as caught:
        Settings.from_environment({**write(home, text), "SAMJ_OFFLINE": "perhaps"})
    problems = caught.value.details["problems"]
    path = home / "settings.toml"
    assert problems == [
        "SAMJ_OFFLINE is 'perhaps', which is not true or false.",
        f"{path}: thread is no setting; is it threads?",
        f"{path}: offline is 'yes', which is not true or false.",
        f"{path}: threads is True, which is not a whole number.",
        f"{path}: channels is ['a', 1], which is not a list of texts.",
        f"{path}: timeout_s is 0.0; it has to be more than 0.",
        f"{path}: x is no setting.",
    ]
    assert all(problem in caught.value.message for problem in problems)
    assert str(path) in caught.value.hint


@pytest.mark.parametrize("content", [b"threads 3", b"\xff\xfe\x00"])
def test_a_file_that_is_not_toml_is_refused_with_its_place(content: bytes, home: Path) -> None:
    write(home, "")
    (home / "settings.toml").write_bytes(content)
    with pytest.raises(InputError, match=r"settings\.toml"):
        Settings.from_environment({}, home=home)


def test_a_byte_order_mark_of_windows_editors_is_no_mistake(home: Path) -> None:
    write(home, "\ufeffthreads = 4")
    assert Settings.from_environment({}, home=home).threads == 4


def test_proxy_and_certificates_reach_child_processes(home: Path) -> None:
    assert Settings(home=home).network_variables == {}
    variables = Settings(home=home, proxy="http://p:1", ca_bundle="ca.pem").network_variables
    assert (variables["https_proxy"], variables["HTTP_PROXY"]) == ("http://p:1", "http://p:1")
    assert variables["SSL_CERT_FILE"] == "ca.pem"


def test_variables_are_read_and_arguments_win_over_them() -> None:
    environ = {"SAMJ_THREADS": "3", "SAMJ_OFFLINE": "yes", "SAMJ_DEVICE": "cpu"}
    settings = Settings.from_environment(environ, device="cuda", builder=None)
    assert (settings.threads, settings.offline, settings.device, settings.builder) == (3, True, "cuda", "auto")
    channels = Settings.from_environment({"SAMJ_CHANNELS": " https://a/b  https://c"}).channels
    assert channels == ("https://a/b", "https://c")


def test_a_home_is_absolute_and_keeps_spaces_and_letters() -> None:
    home = Settings.from_environment({"SAMJ_HOME": "~/my home é漢"}).home
    assert home == Path.home() / "my home é漢"
    assert Settings.from_environment({"SAMJ_HOME": "relative"}).home.is_absolute()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SAMJ_THREADS", "many"),
        ("SAMJ_THREADS", "-1"),
        ("SAMJ_OFFLINE", "perhaps"),
        ("SAMJ_TIMEOUT_S", ""),
        ("SAMJ_TIMEOUT_S", "nan"),
        ("SAMJ_HOME", " "),
    ],
)
def test_a_wrong_value_names_the_variable_and_the_value(variable: str, value: str) -> None:
    with pytest.raises(InputError) as caught:
        Settings.from_environment({variable: value})
    assert variable in caught.value.message
    assert caught.value.hint


def test_every_setting_is_in_the_documentation() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    for item in fields(Settings):
        assert f"| `{item.name}` | `SAMJ_{item.name.upper()}` |" in page, item.name

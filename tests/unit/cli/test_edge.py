"""Whatever happens at the command line ends in words, an exit code, and with ``--json`` in one object."""

from __future__ import annotations

import errno
import inspect
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

from samj_bridge.cli.edge import run_app
from samj_bridge.cli.main import app
from samj_bridge.cli.options import Call, command_of, user_path
from samj_bridge.cli.result import Result, styled
from samj_bridge.cli.show import Show
from samj_bridge.errors import FileError, SamjError
from samj_bridge.settings import Settings, as_path

COMMAND = [sys.executable, "-m", "samj_bridge"]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Run arguments; returns exit code, standard output, standard error."""
    monkeypatch.setenv("SAMJ_HOME", str(tmp_path / "home"))

    def run(*arguments: str, commands: typer.Typer = app) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return run_app(commands, arguments), out.getvalue(), err.getvalue()

    return run


@pytest.mark.parametrize(
    ("arguments", "code", "command"),
    [
        ("--json", 2, ""),
        ("--json --version", 0, ""),
        ("--json --help", 0, ""),
        ("segment --help --json", 0, ""),
        ("frob --json", 2, ""),
        ("env --json", 2, "env"),
        ("--json env", 2, "env"),
        ("env frob --json", 2, "env"),
        ("segment --json", 2, "segment"),
        ("segment x --frob --json", 2, "segment"),
        ("segment x --min-area many --json", 2, "segment"),
        ("segment x --candidates 9 --json", 2, "segment"),
        ("--json segment x --output=", 2, "segment"),
        ("models show nothing --json", 1, "models show"),
        ("--json models list", 0, "models list"),
        ("models list --catalog nowhere.toml --json", 1, "models list"),
        ("env list --json", 0, "env list"),
    ],
)
def test_who_asks_for_json_gets_one_object_whatever_happens(
    told: Any, arguments: str, code: int, command: str
) -> None:
    found, out, _ = told(*arguments.split())
    assert out.count("\n") == 1
    answer = json.loads(out)
    assert (found, answer["command"], answer["ok"]) == (code, command, code == 0)
    assert bool(answer["errors"]) == (code != 0)
    assert all(error["message"] and error["hint"] for error in answer["errors"])


@pytest.mark.parametrize("end", [KeyboardInterrupt(), ValueError("odd [/x]"), MemoryError(), SystemExit(3), None])
def test_commands_that_end_in_any_way_still_answer(told: Any, tmp_path: Path, end: BaseException | None) -> None:
    commands = typer.Typer()

    @command_of(commands, "break")
    def one(call: Call) -> None:
        """End as the test wants it."""

        def body(*_: Any) -> Result:
            print("a library talks")
            if isinstance(end, Exception | KeyboardInterrupt):
                raise end
            sys.exit(3)

        call.run(body)

    @command_of(commands, "other")
    def two(call: Call) -> None:
        """Nothing."""

    code, out, err = told("break", "--json", commands=commands)
    answer = json.loads(out)
    assert out.count("\n") == 1
    assert not answer["ok"]
    assert "a library talks" in err
    assert "Traceback" not in err
    assert code == {KeyboardInterrupt: 130, ValueError: 1, MemoryError: 1}.get(type(end), 3)
    if isinstance(end, ValueError):
        assert "ValueError, odd [/x]" in answer["errors"][0]["message"]
        assert "Traceback" in (tmp_path / "home" / "logs" / "last-error.txt").read_text(encoding="utf-8")
        code, out, err = told("break", commands=commands)
        assert (code, out) == (1, "a library talks\n")
        assert "odd [/x]" in err
        assert "last-error.txt" in err


def test_usage_errors_say_what_to_type(told: Any) -> None:
    code, out, err = told("segment", "x", "--frob")
    assert (code, out) == (2, "")
    assert "--frob" in err
    assert "samj-bridge segment --help" in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-", "| true"])
def test_an_answer_that_nobody_got_is_no_success(tmp_path: Path, more: list[str], where: str) -> None:
    script = f'{{ "$@" 2>err; echo $? > code; }} {where}'
    if where == ">&-":
        script = '"$@" 2>err >&-; echo $? > code'
    elif where == "> /dev/full":
        script = '"$@" 2>err > /dev/full; echo $? > code'
    variables = {**os.environ, "SAMJ_HOME": str(tmp_path / "home"), "PYTHONUNBUFFERED": ""}
    arguments = ["sh", "-c", script, "sh", *COMMAND, "models", "list", *more]
    subprocess.run(arguments, cwd=tmp_path, env=variables, check=True, timeout=120)
    said = (tmp_path / "err").read_text()
    assert (tmp_path / "code").read_text().strip() == "1"
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    assert ("standard output" in said) == (where != "| true")


def test_names_are_shown_letter_by_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.table import Table

    name = "cells [dapi] [/x] [bold]:smile: [link=http://x]\\[.tif"
    out, err = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    table = Table(box=None)
    table.add_column(name)
    table.add_row(name)
    lines = [name, styled((name, "bold"), name)]
    failures: list[SamjError] = [FileError(name, hint=name)]
    Show().result(Result("x", lines=lines, tables=[table], failures=failures))
    assert out.getvalue().count(name) == 5
    assert err.getvalue().count(name) == 2


def test_names_can_neither_steer_the_terminal_nor_stop_the_talk(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", out)
    Show().result(Result("x", lines=["a\x1b[2Jb\rc\udcffd\u202ee", styled(("\x1b[31m", "bold"))]))
    out.flush()
    assert out.buffer.getvalue().decode() == "a\\x1b[2Jb\\rc\\udcffd\\u202ee\n\\x1b[31m\n"  # type: ignore[attr-defined]


def _paths(group: typer.Typer, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return how each option that is a path is read, by its command and name."""
    found: dict[tuple[str, ...], Any] = {}
    for inner in group.registered_groups:
        found |= _paths(inner.typer_instance, (*words, str(inner.name)))  # type: ignore[arg-type]
    for command in group.registered_commands:
        signature = inspect.signature(command.callback)  # type: ignore[arg-type]
        for name, parameter in signature.parameters.items():
            if "Path" in str(get_args(parameter.annotation)[0]):
                found[(*words, str(command.name), name)] = get_args(parameter.annotation)[1].parser
    return found


def test_every_path_that_can_be_typed_is_read_in_the_same_way() -> None:
    found = _paths(app)
    assert {("segment", "images"), ("segment", "output"), ("segment", "prompts")} <= set(found)
    assert {("models", "import", "file"), ("models", "install", "folder"), ("fiji", "images")} <= set(found)
    assert {("env", "create", "lock"), ("env", "create", "spec"), ("env", "use", "prefix")} <= set(found)
    assert set(found.values()) == {user_path}


def test_a_path_is_meant_from_where_the_user_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    (tmp_path / "link").symlink_to(folder)
    (folder / "~odd").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("x.pth") == folder / "x.pth"
    assert user_path("../link/") == folder / ".." / "link"
    assert user_path("~/x.pth") == tmp_path / "x.pth"
    assert user_path("~odd") == folder / "~odd"
    assert user_path("~nobody-at-all/x") == folder / "~nobody-at-all" / "x"
    for empty in ("", "  "):
        with pytest.raises(typer.BadParameter, match="empty"):
            user_path(empty)


def test_paths_among_the_settings_are_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"SAMJ_HOME": "h", "SAMJ_CATALOG": "c.toml", "SAMJ_CA_BUNDLE": "./b.pem", "SAMJ_MODELS_DIR": "m"}
    found = Settings.from_environment({**environ, "SAMJ_PYTHON": "python3"})
    assert (found.home, found.incoming_dir) == (tmp_path / "h", tmp_path / "m")
    assert (found.catalog, found.ca_bundle) == (str(tmp_path / "c.toml"), str(tmp_path / "b.pem"))
    assert found.python == "python3"
    assert Settings.from_environment({**environ, "SAMJ_PYTHON": "bin/python"}).python == str(
        tmp_path / "bin/python"
    )


def test_a_folder_that_was_removed_under_ones_feet_is_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    try:
        gone.rmdir()
    except OSError as error:  # Windows keeps a folder that somebody stands in
        pytest.skip(f"{errno.errorcode.get(error.errno or 0)}")
    assert as_path("x") == Path("x")

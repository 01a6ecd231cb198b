"""The command line, run in this process with a home of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from samj_bridge.cli.main import app


@dataclass
class Done:
    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.out)
        return content["data"]  # type: ignore[no-any-return]


class Shell:
    """Runs samj-bridge in this process, with a home of its own."""

    def __init__(self, home: Path, spec: Path) -> None:
        self.home = home
        self.spec = spec

    def __call__(self, *arguments: object, home: Path | None = None) -> Done:
        command = [*map(str, arguments), "--home", str(home or self.home)]
        result = CliRunner().invoke(app, command)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        return Done(result.exit_code, result.stdout, result.stderr)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")} if folder.is_dir() else set()


def refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.out + done.err
    for word in words:
        assert word in done.err
    assert done.err.count("\n") >= 2, "what happened, and what to do"

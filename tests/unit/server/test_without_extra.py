"""The server's packages are an extra: nothing else needs them, and who lacks them is told how to get them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WITHOUT = "import sys; sys.modules.update(dict.fromkeys(['starlette', 'uvicorn', 'python_multipart'])); "


def run(program: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program, "serve", "--home", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_works_without_the_extra(tmp_path: Path) -> None:
    done = run("import samj_bridge.cli.main, samj_bridge.cli.commands.serve", tmp_path)
    assert done.returncode == 0, done.stderr


def test_serving_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    done = run("from samj_bridge.cli.main import main; main()", tmp_path)
    assert done.returncode == 1
    assert "pip install 'samj-bridge[server]'" in done.stderr

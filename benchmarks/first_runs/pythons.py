"""Which Pythons can be had here, and samj-bridge in a fresh virtual environment of one of them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from samj_bridge.process.environ import clean_environ

VERSIONS = ("3.10", "3.11", "3.12", "3.13", "3.14")

# Whole Pythons that lie on Maven Central (for programs in Java that embed one).
_MAVEN = {"3.14": "3.14.3-1.5.13"}
_GET = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get"


@dataclass(frozen=True)
class Build:
    """A samj-bridge to set up."""

    label: str
    """Its commit; with a ``+`` what was not committed yet is in it."""
    wheel: Path


def find_pythons(wanted: list[str], folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Return an interpreter for each of `wanted` (versions or paths), and why there is none for the others."""
    found: dict[str, Path] = {}
    missing: dict[str, str] = {}
    for item in wanted:
        if item not in VERSIONS:
            found[_version(Path(item))] = Path(item)
            continue
        python = next((path for path in _candidates(item) if _version(path) == item), None)
        python = python or _from_maven(item, folder)
        if python is None:
            missing[item] = "not on PATH, not in pyenv, and not to be had from Maven Central"
        else:
            found[item] = python
    return found, missing


def make_venv(folder: Path, python: Path, build: Build, index: str, environ: dict[str, str]) -> Path:
    """Return the command of a virtual environment with `build` in it, made all from `index` unless it is there."""
    command = folder / ("Scripts" if sys.platform == "win32" else "bin") / "samj-bridge"
    if command.is_file():
        return command
    subprocess.run(
        [python, "-m", "venv", "--clear", folder], check=True, env=environ, capture_output=True, timeout=600
    )
    variables = {"PIP_CACHE_DIR": str(folder / "pip cache"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    subprocess.run(
        [command.with_name("python"), "-m", "pip", "install", "--quiet", "--index-url", index, build.wheel],
        check=True,
        env=environ | variables,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    return command


def build_here(folder: Path) -> Build:
    """Make a wheel of this working tree."""
    label = _git("rev-parse", "--short=7", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else "")
    return Build(label, _wheel(Path.cwd(), folder / "wheels" / label, again=label.endswith("+")))


def build_commit(folder: Path, commit: str) -> Build:
    """Make a wheel of another commit, without touching the working tree."""
    label = _git("rev-parse", "--short=7", f"{commit}^{{commit}}")
    with tempfile.TemporaryDirectory(dir=folder) as sources:
        archive = subprocess.run(["git", "archive", label], check=True, capture_output=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as tar:
            tar.extractall(sources)
        return Build(label, _wheel(Path(sources), folder / "wheels" / label, again=False))


def _wheel(sources: Path, folder: Path, *, again: bool) -> Path:
    found = list(folder.glob("*.whl"))
    if again or not found:
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
        subprocess.run(command, check=True, cwd=sources, timeout=1800)
        found = list(folder.glob("*.whl"))
    return found[0]


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def _candidates(version: str) -> list[Path]:
    names = [shutil.which(f"python{version}", path=folder) for folder in os.get_exec_path()]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    return [
        *sorted(pyenv.glob(f"{version}.*/bin/python{version}")),
        *(Path(name) for name in names if name and "shims" not in name),
    ]


def _version(python: Path) -> str:
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-I", "-c", code], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _from_maven(version: str, folder: Path) -> Path | None:
    home = folder / f"python-{version}"
    maven = shutil.which("mvn")
    if version not in _MAVEN or maven is None or sys.platform != "linux":
        return None
    python = home / "org" / "bytedeco" / "cpython" / "linux-x86_64" / "bin" / f"python{version}"
    if not python.is_file():
        local = folder / "maven"
        artifact = f"org.bytedeco:cpython:{_MAVEN[version]}:jar:linux-x86_64"
        command = [maven, "-q", "-B", f"-Dmaven.repo.local={local}", _GET, f"-Dartifact={artifact}"]
        done = subprocess.run([*command, "-Dtransitive=false"], capture_output=True, check=False, timeout=600)
        jars = list(local.glob("org/bytedeco/cpython/*/*-linux-x86_64.jar"))
        if done.returncode or not jars:
            return None
        with zipfile.ZipFile(jars[0]) as jar:
            jar.extractall(home)
        python.chmod(0o755)
    return python if _version(python) == version else None


def newcomer(folder: Path) -> dict[str, str]:
    """Return the variables of somebody who has never run samj-bridge: a home of her own, and so no cache either."""
    kept = {
        name: value
        for name, value in clean_environ().items()
        if not name.startswith(("UV_", "XDG_")) and name not in {"PYENV_VERSION"}
    }
    return kept | {"HOME": str(folder), "SAMJ_HOME": str(folder / "samj-bridge")}

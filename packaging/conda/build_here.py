"""Builds conda-forge's recipe where conda-forge can't be reached: ``python packaging/conda/build_here.py``.

rattler-build (``pip install py-rattler-build``) takes the recipe as it is, but for its source, which is an
sdist of this checkout, and builds and tests it with packages from a channel that is made on the spot: Python is
this interpreter's own tree, what pip fetches from PyPI stands for conda-forge's packages, and maven and openjdk
are empty, since the machine's own are on the path. So it shows that recipe, sdist and entry point are right,
and not that conda-forge has each version.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECIPE = Path(__file__).with_name("recipe.yaml")
EMPTY = ("maven", "openjdk")
LEFT_OUT = {"__pycache__", "test", "idlelib", "tkinter", "site-packages", "ensurepip"}


def main() -> None:
    """Build, and say where the package is."""
    work = Path(tempfile.mkdtemp(prefix="samj-conda-"))
    try:
        sdist = make_sdist(work)
        channel = make_channel(work / "channel", sdist)
        package = build(work, sdist, channel)
        print(f"Built and tested: {package.name} ({package.stat().st_size / 1e6:.1f} MB)")
        check(package)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def make_sdist(work: Path) -> Path:
    """Return an sdist of this checkout."""
    run([uv(), "build", "--sdist", "--quiet", "--out-dir", work / "dist", ROOT])
    return next((work / "dist").glob("*.tar.gz"))


def make_channel(channel: Path, sdist: Path) -> Path:
    """Return a channel that has what the recipe asks for."""
    version = ".".join(map(str, sys.version_info[:3]))
    site = f"lib/python{version.rsplit('.', 1)[0]}/site-packages"
    write_package(channel / subdir(), "python", version, interpreter())
    for name, wanted in (("hatchling", ["hatchling", "pip"]), ("everything-from-pypi", [str(sdist), "pip"])):
        target = channel / name
        run([uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", target, *wanted])
        shutil.rmtree(target / "samj_bridge", ignore_errors=True)
        files = [
            (path, f"{site}/{path.relative_to(target).as_posix()}") for path in target.rglob("*") if path.is_file()
        ]
        files = [(path, name) for path, name in files if "/samj_bridge-" not in name and "/bin/" not in name]
        write_package(channel / subdir(), name, "99.0", files, depends=["python"])
    write_package(channel / subdir(), "pip", "99.0", [], depends=["hatchling"])
    for name in EMPTY:
        write_package(channel / subdir(), name, "99.0", [])
    for name, at_least in run_requirements():
        write_package(channel / subdir(), name, at_least, [], depends=["everything-from-pypi"])
    from rattler.index import index_fs

    (channel / "noarch").mkdir(exist_ok=True)
    asyncio.run(index_fs(channel))
    return channel


def run_requirements() -> Iterable[tuple[str, str]]:
    """Return name and least version of what the recipe needs to run, Python left out."""
    part = RECIPE.read_text(encoding="utf-8").split("  run:\n")[1].split("\n\n")[0]
    return [match for match in re.findall(r"- ([a-z0-9-]+) >=([0-9.]+)", part) if match[0] != "python"]


def interpreter() -> list[tuple[Path, str]]:
    """Return this interpreter's own tree: program and library, and where they lie below a prefix."""
    base = Path(sys.base_prefix)
    library = Path(sysconfig.get_path("stdlib", vars={"installed_base": str(base), "base": str(base)}))
    files = [(path, path.relative_to(base).as_posix()) for path in library.rglob("*") if path.is_file()]
    files = [
        (path, name) for path, name in files if not LEFT_OUT & set(Path(name).parts) and "/config-" not in name
    ]
    program = Path(sys.executable).resolve()
    return [*files, *((program, f"bin/{name}") for name in ("python", "python3", program.name))]


def write_package(
    folder: Path, name: str, version: str, files: list[tuple[Path, str]], depends: Iterable[str] = ()
) -> None:
    """Write a conda package (the older form, which is a tar file)."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": list(depends),
        "subdir": subdir(),
        "license": "various",
    }
    names = sorted({name for _, name in files})
    paths = [
        {"_path": name, "path_type": "hardlink", "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
         "size_in_bytes": path.stat().st_size}
        for path, name in files
    ]  # fmt: skip
    info = {
        "info/index.json": json.dumps(index),
        "info/files": "\n".join(names) + "\n",
        "info/paths.json": json.dumps({"paths": paths, "paths_version": 1}),
    }
    with tarfile.open(folder / f"{name}-{version}-0.tar.bz2", "w:bz2", compresslevel=1) as archive:
        for inner, text in info.items():
            entry = tarfile.TarInfo(inner)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
        for path, inner in files:
            archive.add(path.resolve(), inner)


def build(work: Path, sdist: Path, channel: Path) -> Path:
    """Build the recipe with its source replaced, and run its tests; return the package."""
    import rattler_build

    text = RECIPE.read_text(encoding="utf-8")
    text = re.sub(r"  url: .*", f"  path: {sdist}", text)
    text = re.sub(r"  sha256: .*\n", "", text)
    recipe = work / "recipe" / "recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text(text, encoding="utf-8")
    rattler_build.build_recipes([recipe], channel=[channel.as_uri()], output_dir=work / "out", test="native")
    return next((work / "out" / "noarch").glob("samj-bridge-*.conda"))


def check(package: Path) -> None:
    """Say what is in the package that a user would miss."""
    import rattler.package_streaming as streaming

    target = package.with_suffix("")
    streaming.extract(package, target)
    for part in (
        "samj_bridge/fiji/jars/SAMJ_Bridge.jar",
        "samj_bridge/commit.txt",
        "samj_bridge/envs/samj/pypi.lock",
    ):
        there = (target / "site-packages" / "samj_bridge" / part).is_file()
        print(f"{part}: {'there' if there else 'MISSING'}")
        if not there:
            raise SystemExit(1)


def subdir() -> str:
    """Return conda's name for this machine."""
    from rattler import Platform

    return str(Platform.current())


def uv() -> Path:
    """Return the uv beside this interpreter."""
    return Path(sys.executable).with_name("uv")


def run(command: list[object]) -> None:
    """Run a command; it must succeed."""
    subprocess.run([str(part) for part in command], check=True)


if __name__ == "__main__":
    main()

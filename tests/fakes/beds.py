"""What a builder works with in the tests: its tool, its server with tiny packages, and ways to go wrong.

One class for all of them, so that one test can ask the same of each builder.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from fakes.conda_channel import CondaChannel, serve_channel
from fakes.package_index import PackageIndex, serve, tiny_specification
from fakes.standin import StandIn

from samj_bridge.install.specification import Specification
from samj_bridge.settings import Settings

REAL_MICROMAMBA = os.environ.get("MAMBA_EXE", "")
"""A real micromamba to ask as well; empty: only the stand-in is."""


class Bed:
    """The surroundings of one builder."""

    def __init__(self, builder: str, folder: Path, pypi: PackageIndex, channel: CondaChannel | None) -> None:
        self.builder = "micromamba" if builder.startswith("micromamba") else builder
        self.folder = folder
        self.pypi = pypi
        self.channel = channel
        self.standin = StandIn(folder / "bin") if builder == "micromamba" else None
        self.micromamba = str(self.standin.path) if self.standin else REAL_MICROMAMBA

    def settings(self, home: Path) -> Settings:
        """Return settings that make the builder use these servers."""
        if self.channel is None:
            return Settings(home=home, builder=self.builder, pypi_index=self.pypi.url, torch_index="", device="cpu")
        return Settings(
            home=home,
            builder=self.builder,
            micromamba=self.micromamba,
            channels=(self.channel.url,),
            pypi_index=self.pypi.url,
            device="cpu",
        )

    def specification(self, name: str, version: str = "1.0", code: str = "", pixi: str = "") -> Specification:
        """Offer the package ``tiny`` in `version`, and return a specification that wants it."""
        if self.channel is not None:
            self.channel.add_module("tiny", version, code)
            self.channel.index()
        return tiny_specification(self.folder / name, self.pypi, version=version, code=code, pixi=pixi)

    def specifications(self, versions: list[str]) -> list[Specification]:
        """Offer the package ``tiny`` in all of `versions`, and return a specification for each."""
        if self.channel is not None:
            for version in versions:
                self.channel.add_module("tiny", version)
            self.channel.index()
        return [tiny_specification(self.folder / "many" / item, self.pypi, version=item) for item in versions]

    def stall(self, *, stall: bool) -> None:
        """Let downloads of packages stop half-way, and never end."""
        self.pypi.stall_wheels = stall
        self.pypi.stalled.clear()
        if self.channel is not None:
            self.channel.stalled.clear()
            self.channel.stall_packages = stall

    def wait_stalled(self) -> bool:
        """Wait until a download has stopped."""
        return (self.channel.stalled if self.channel is not None else self.pypi.stalled).wait(120)

    @property
    def requests(self) -> list[str]:
        """Everything that was asked of the servers."""
        return [*self.pypi.requests, *(self.channel.requests if self.channel is not None else [])]

    def halves(self, home: Path) -> list[Path]:
        """Return what a stopped download has left behind."""
        # One that was just made and is empty may be anybody's: it stays, and takes no room.
        uv = [path for path in (self.folder / "uv cache").glob(".tmp*") if not path.is_dir() or any(path.iterdir())]
        cache = home / "cache" / "micromamba" / "pkgs"
        conda = []
        for path in cache.rglob("*"):
            name = path.name.removesuffix(".part")
            if name.endswith((".conda", ".tar.bz2")) and path.is_file():
                # An archive that is whole is no waste: the next attempt need not fetch it.
                offered = [file.read_bytes() for file in (self.folder / "channel").glob(f"*/{name}")]
                if name != path.name or path.read_bytes() not in offered:
                    conda.append(path)
        return [*uv, *conda]
        archives = [
            path for path in (cache / "pkgs").glob("*") if path.name.endswith((".part", ".conda", ".tar.bz2"))
        ]
        names = (path.name.removesuffix(".conda").removesuffix(".tar.bz2") for path in archives)
        whole = {name for name in names if (cache / "pkgs" / name / "info" / "index.json").is_file()}
        return [
            *uv,
            *(path for path in archives if path.name.removesuffix(".conda").removesuffix(".tar.bz2") not in whole),
        ]


def bed_names() -> list[str]:
    """Return all builders of the table, and the real micromamba where there is one."""
    from samj_bridge.install.builders import BUILDERS

    return [*BUILDERS, *(["micromamba-real"] if REAL_MICROMAMBA else [])]


@contextlib.contextmanager
def make_bed(builder: str, folder: Path) -> Iterator[Bed]:
    """Serve what `builder` needs while the block runs; ``UV_CACHE_DIR`` must be ``folder / "uv cache"``."""
    with contextlib.ExitStack() as stack:
        pypi = stack.enter_context(serve(PackageIndex()))
        channel = None
        if builder.startswith("micromamba"):
            channel = CondaChannel(folder / "channel")
            channel.add_python()
            channel.add_module("torch", "1.0", "build = 'cpu'", depends=("python", "tiny"), suffix=".tar.bz2")
            stack.enter_context(serve_channel(channel))
        yield Bed(builder, folder, pypi, channel)

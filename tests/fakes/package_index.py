"""A package index on this machine, with tiny wheels, that can misbehave in the ways real ones do.

Also a specification whose environment takes a second to make: a stand-in for torch with a "CUDA" build on the
default index (it needs ``nvidia-fake``) and a CPU build on an index of its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import ssl
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fakes.local_server import Answering, Served, address_of, serving

from samj_bridge.install.specification import Specification, read_specification

_PIXI = """
[workspace]
name = "tiny"
channels = ["conda-forge"]
platforms = ["linux-64", "linux-aarch64", "osx-arm64", "osx-64", "win-64"]
[dependencies]
python = ">=3.10"
tiny = "=={version}"
torch = "*"
[feature.pypi.dependencies]
python = ">=3.10,<3.20"
[feature.pypi.pypi-dependencies]
tiny = "*"
torch = "*"
[environments]
pypi = { features = ["pypi"], no-default-feature = true }
[tool.samj-bridge]
lock = "pypi.lock"
probe = ["tiny", "torch"]
cpu-index-package = "torch"
cuda-packages = ["nvidia-*"]
"""


def make_wheel(name: str, version: str, code: str = "", requires: tuple[str, ...] = ()) -> tuple[str, bytes]:
    """Return the file name and the bytes of a pure wheel with one module."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {item}\n" for item in requires)
    # Long enough that half of the wheel ends in this file, as in real ones, and not between two (`stall_wheels`).
    filling = "#" * (2000 + 2 * len(metadata))
    files = {
        f"{module}.py": f'__version__ = "{version}"\n{code}\n{filling}\n',
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{module}-{version}-py3-none-any.whl", buffer.getvalue()


class PackageIndex(Served):
    """Serves wheels under ``/simple/``; set an attribute to make it misbehave."""

    def __init__(self) -> None:
        super().__init__()
        self.wheels: dict[str, bytes] = {}
        self.page_status = 200
        """Answered for every page."""
        self.stall_pages = False
        """Take the request for a page, and never answer."""
        self.stall_wheels = False
        """Send half of a wheel, and then nothing."""
        self.cut_wheels = False
        """Send half of a wheel, and hang up."""
        self.lie = False
        """Announce hashes that are not the wheels'."""
        self.silent = False
        """Announce no hashes at all."""
        self.url = ""

    def add(self, name: str, version: str, code: str = "", requires: tuple[str, ...] = ()) -> str:
        """Offer a wheel and return its pin with its hash."""
        filename, data = make_wheel(name, version, code, requires)
        self.wheels[filename] = data
        return f"{name}=={version} --hash=sha256:{hashlib.sha256(data).hexdigest()}"

    def page(self, package: str) -> str:
        links = []
        for filename, data in self.wheels.items():
            if filename.split("-")[0].replace("_", "-") == package:
                digest = hashlib.sha256(data if not self.lie else b"another").hexdigest()
                fragment = "" if self.silent else f"#sha256={digest}"
                links.append(f'<a href="/files/{quote(filename)}{fragment}">{filename}</a><br/>')
        return "<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>"

    def reply(self, request: Answering, path: str) -> None:
        parts = path.strip("/").split("/")
        if parts[0] != "simple":
            request.answer(self.wheels[parts[-1]], stall=self.stall_wheels, cut=self.cut_wheels)
        elif self.stall_pages:
            request.stall()
        else:
            page = self.page(parts[-1])
            request.answer(page.encode(), "text/html", self.page_status if "<a" in page else 404)


@contextlib.contextmanager
def serve(index: PackageIndex, tls: ssl.SSLContext | None = None) -> Iterator[PackageIndex]:
    """Run `index` on a free port while the block runs; with `tls`, by https for ``localhost``."""
    with serving(index, tls) as port:
        index.url = f"{address_of(port, tls)}/simple"
        yield index


def tiny_specification(
    folder: Path, pypi: PackageIndex, *, code: str = "", version: str = "1.0", pixi: str = ""
) -> Specification:
    """Offer the packages on `pypi`, write the specification with its lock into `folder`, and read it."""
    pins = [
        pypi.add("tiny", version, code),
        pypi.add("torch", "1.0", "build = 'cuda'", requires=("nvidia-fake", "tiny")),
        pypi.add("nvidia-fake", "1.0"),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pixi.toml").write_text(_PIXI.replace("{version}", version) + pixi, encoding="utf-8")
    (folder / "pypi.lock").write_text("\n".join(pins) + "\n", encoding="utf-8")
    return read_specification(folder / "pixi.toml")


def offer_cpu_build(index: PackageIndex) -> str:
    """Offer the CPU build of the stand-in for torch; return its pin."""
    return index.add("torch", "1.0+cpu", "build = 'cpu'", requires=("tiny",))

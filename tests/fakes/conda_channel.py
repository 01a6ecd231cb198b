"""A conda channel on this machine, with tiny real packages, on disk and over HTTP, that can misbehave.

Indexed by py-rattler, so what reads it reads what conda-forge has: ``repodata.json`` by platform.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from fakes.conda_package import make_module, make_package, make_python
from fakes.local_server import Answering, Served, serving

from samj_bridge.install.specification import current_platform

_ARCHIVES = (".conda", ".tar.bz2")


class CondaChannel(Served):
    """A folder with packages and their index; set an attribute to make its server misbehave."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.url = folder.absolute().as_uri()
        """Of the folder; `serve_channel` sets it to the server's."""
        self.missing: set[str] = set()
        """Names of packages that are in the index, and that no one has (404)."""
        self.stall_index = False
        """Take the request for an index, and never answer."""
        self.stall_packages = False
        """Send half of a package, and then nothing."""
        self.only: str = ""
        """Stall, cut or corrupt only packages with this name; empty: every one."""
        self.cut_packages = False
        """Send half of a package, and hang up."""
        self.corrupt_packages = False
        """Send a package with one bit changed."""
        self.status = 200
        """Answered to every request but 404s."""
        self.user = self.token = self.query = ""
        """What has to be in an address: ``name:password``, the word after ``/t/``, what follows ``?``."""

    def add(self, filename: str, data: bytes, subdir: str = "noarch") -> str:
        """Put a package into the channel and return its line of an explicit lock, ``{channel}`` for the address."""
        path = self.folder / subdir / filename
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return f"{{channel}}/{subdir}/{filename}#sha256:{hashlib.sha256(data).hexdigest()}"

    def add_python(self) -> str:
        """Add ``python``: the interpreter of these tests, at home in the environment it is installed into.

        A solve adds ``pip`` to it, so that is there as well; a lock need not have it.
        """
        self.add_module("pip", "26.0")
        return self.add(*make_python(), subdir=current_platform())

    def add_module(
        self,
        name: str,
        version: str = "1.0",
        code: str = "",
        depends: tuple[str, ...] = ("python",),
        suffix: str = ".conda",
    ) -> str:
        """Add a package with one module."""
        return self.add(*make_module(name, version, code, depends, suffix))

    def add_files(self, name: str, version: str, files: dict[str, bytes]) -> str:
        """Add a package with just files."""
        return self.add(*make_package(name, version, files))

    def index(self) -> None:
        """Write the index of what is there."""
        from rattler.index.index import index_fs

        for subdir in ("noarch", current_platform()):
            (self.folder / subdir).mkdir(parents=True, exist_ok=True)
        asyncio.run(index_fs(self.folder, write_zst=False, write_shards=False, force=True))

    def lock(self, *lines: str) -> str:
        """Return an explicit lock with `lines`, from where the channel is served now."""
        head = [f"# platform: {current_platform()}", "@EXPLICIT"]
        return "\n".join([*head, *(line.replace("{channel}", self.url) for line in lines)]) + "\n"

    def lie(self, name: str) -> None:
        """Announce a wrong hash for package `name` in the index."""
        for path in self.folder.glob("*/repodata.json"):
            values = json.loads(path.read_text())
            for key in ("packages", "packages.conda"):
                for record in values.get(key, {}).values():
                    if record["name"] == name:
                        record["sha256"] = hashlib.sha256(b"another").hexdigest()
                        record.pop("md5", None)
            path.write_text(json.dumps(values))

    @property
    def secret_url(self) -> str:
        """Address of a channel that is not for everybody."""
        scheme, _, host = self.url.partition("://")
        user = f"{quote(self.user, safe=':')}@" if self.user else ""
        token = f"/t/{self.token}" if self.token else ""
        return f"{scheme}://{user}{host}{token}" + (f"?{self.query}" if self.query else "")

    def _knows(self, request: Answering) -> bool:
        credentials = "Basic " + base64.b64encode(self.user.encode()).decode()
        return (
            (not self.user or request.headers.get("Authorization") == credentials)
            and (not self.token or request.path.startswith(f"/t/{self.token}/"))
            and (not self.query or request.path.endswith(f"?{self.query}"))
        )

    def concerns(self, filename: str) -> bool:
        return filename.endswith(_ARCHIVES) and (not self.only or filename.rsplit("-", 2)[0] == self.only)

    def reply(self, request: Answering, path: str) -> None:
        filename = path.rsplit("/", 1)[-1]
        file = self.folder / path.removeprefix(f"/t/{self.token}").strip("/")
        archive = filename.endswith(_ARCHIVES)
        if self.status != 200:
            request.send_error(self.status)
        elif not self._knows(request):
            request.send_error(401)
        elif not file.is_file() or (archive and filename.rsplit("-", 2)[0] in self.missing):
            request.send_error(404)
        elif self.stall_index and not archive:
            request.stall()
        else:
            self.send_file(request, filename, file.read_bytes())

    def send_file(self, request: Answering, filename: str, data: bytes) -> None:
        concerned = self.concerns(filename)
        if self.corrupt_packages and concerned:
            data = data[:-1] + bytes([data[-1] ^ 1])
        request.answer(data, stall=concerned and self.stall_packages, cut=concerned and self.cut_packages)


@contextlib.contextmanager
def serve_channel(channel: CondaChannel, tls: ssl.SSLContext | None = None) -> Iterator[CondaChannel]:
    """Serve `channel` on a free port while the block runs; its ``url`` is the server's then."""
    with serving(channel, tls) as port:
        earlier, channel.url = channel.url, f"http{'s' if tls else ''}://127.0.0.1:{port}"
        try:
            yield channel
        finally:
            channel.url = earlier


def offer_tiny(folder: Path) -> CondaChannel:
    """Make the channel that ``tests/data/tiny/pixi.toml`` asks for."""
    channel = CondaChannel(folder)
    channel.add_python()
    channel.add_module("tiny")
    channel.add_module("torch", code="build = 'cpu'", depends=("python", "tiny"), suffix=".tar.bz2")
    channel.index()
    return channel


def main(folder: str) -> None:
    """Serve that channel until it is interrupted: to try the command line by hand."""
    with serve_channel(offer_tiny(Path(folder))) as channel, contextlib.suppress(KeyboardInterrupt):
        print(channel.url, flush=True)
        channel.stopped.wait()


if __name__ == "__main__":
    import sys

    main(sys.argv[1])

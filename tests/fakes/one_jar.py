"""The jar that sets everything up, run without windows: started, stopped, killed, where there is nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from fakes.local_server import Answering, Served

ROOT = Path(__file__).parents[2]
_KEPT = ("UV_CACHE_DIR", "PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "SAMJ_PYPI_INDEX", "SSL_CERT_FILE")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")


def build(folder: Path) -> Path:
    """Make the jar of this checkout, as an update site has it."""
    command = [sys.executable, str(ROOT / "packaging" / "one_jar.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("SAMJ_Bridge-*.jar"))


def person(java: Path, imagej: Path, folder: Path) -> list[str]:
    """Return how to start the person at an ImageJ, of ``tests/fiji/one_jar``; their classes go into `folder`.

    Options of Java may go after the first part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = sorted((ROOT / "tests" / "fiji" / "one_jar").glob("*.java"))
    command = [java / "bin" / "javac", "-encoding", "UTF-8", "-cp", imagej, "-d", folder, *sources]
    subprocess.run(list(map(str, command)), check=True)
    return [str(java / "bin" / "java"), "-cp", f"{imagej}{os.pathsep}{folder}", "Drive"]


def bare_environ(home: Path) -> dict[str, str]:
    """Return the variables of somebody with an empty home folder; the packages come from the machine's uv cache."""
    from uv import find_uv_bin

    environ = {name: os.environ[name] for name in (*_KEPT, *_PROXIES) if name in os.environ}
    if "UV_CACHE_DIR" not in environ:
        done = subprocess.run([find_uv_bin(), "cache", "dir"], capture_output=True, text=True, check=True)
        environ["UV_CACHE_DIR"] = done.stdout.strip()
    return environ | {"HOME": str(home), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@dataclass
class Machine:
    """A computer with a Java, the jar, and an empty home."""

    java: Path
    jar: Path
    home: Path
    """``SAMJ_HOME``."""
    environ: dict[str, str]
    options: list[str] = field(default_factory=list)
    """Of Java."""

    def start(self, job: str) -> subprocess.Popen[str]:
        """Start ``java -jar``; its talk is on the pipe of standard output."""
        command = [str(self.java), *self.options, "-jar", str(self.jar), job, str(self.home)]
        return subprocess.Popen(
            command, env=self.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, encoding="utf-8"
        )

    def run(self, job: str = "setup") -> tuple[int, str]:
        """Run it to its end; returns exit code and talk."""
        process = self.start(job)
        talk, _ = process.communicate(timeout=300)
        return process.returncode, talk

    def state(self) -> str:
        """Return the first word of what there is."""
        code, talk = self.run("state")
        assert code == 0, talk
        return talk.split()[0]

    def host(self) -> Path | None:
        """Return the Python in use."""
        pointer = self.home / "host" / "current"
        return self.home / "host" / pointer.read_text(encoding="utf-8").strip() if pointer.is_file() else None

    def answers(self) -> str:
        """Return what the samj-bridge in use says to ``--version``."""
        host = self.host()
        assert host is not None
        code = "from samj_bridge.cli.main import main; main()"
        done = subprocess.run(
            [host / "bin" / "python", "-I", "-c", code, "--version"],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def orphans(self) -> list[psutil.Process]:
        """Return what still runs out of the home."""
        return [
            process
            for process in psutil.process_iter(["cmdline"])
            if any(str(self.home) in part for part in process.info["cmdline"] or [])
        ]


class UvOnly(Served):
    """An index with uv's wheel and nothing else, which stops half-way as often as it is told to."""

    def __init__(self, name: str, data: bytes) -> None:
        super().__init__()
        self.name, self.data, self.stalls = name, data, 0
        self.ranges: list[str] = []

    def reply(self, request: Answering, path: str) -> None:
        if path == "/simple/uv/":
            request.answer(f'<a href="/files/{self.name}">{self.name}</a>'.encode(), "text/html")
        elif path == f"/files/{self.name}":
            start = int(re.sub(r"\D", "", request.headers.get("Range") or "0"))
            self.ranges.append(request.headers.get("Range") or "")
            self.stalls -= 1
            if start:
                request.send_response(206)
                request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
                request.send_header("Content-Length", str(len(self.data) - start))
                request.end_headers()
                request.wfile.write(self.data[start:])
            else:
                request.answer(self.data, stall=self.stalls >= 0)
        else:
            request.answer(b"", status=404)

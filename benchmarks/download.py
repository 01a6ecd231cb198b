"""How fast a download with all its hashes is beside ``curl -o``, and how much memory it takes.

::

    python -m benchmarks.download                # 500 MB, http and https, five rounds, in turn
    python -m benchmarks.download --size 2500 --rounds 1 --only http

The server is a process of its own that sends blocks from memory. Both clients write to the same folder; curl's own
clock and ours leave the start of the process out. Ours includes hashing, fsync and renaming; curl none of these.
Hashed is what the catalog names: for most large files one kind besides sha256 or none, for some all four, so both
ends are measured. What the disk and the processors would allow is measured beside it, because on a fast connection
they, not the network, set the limit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

MB = 1_000_000
BLOCK = 1 << 20


def blocks(size: int) -> Iterator[bytes]:
    base = random.Random(0).randbytes(BLOCK)
    for number in range(-(-size // BLOCK)):
        block = number.to_bytes(8, "little") + base[8:]
        yield block[: size - number * BLOCK]


def hashes_of(size: int) -> tuple[str, ...]:
    from samj_bridge.download.digest import Digester

    with Digester(size) as digester:
        for block in blocks(size):
            digester.update(block)
        return digester.finish().as_hashes()


class Handler(BaseHTTPRequestHandler):
    """Answers ``/<size>/<MB per second>`` with that many bytes, no faster than that; 0: as fast as it goes."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Send them."""
        size, speed = map(int, self.path.strip("/").split("/"))
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        began, sent = time.perf_counter(), 0
        for block in blocks(size):
            self.connection.sendall(block)
            sent += len(block)
            if speed:
                time.sleep(max(0.0, began + sent / (speed * MB) - time.perf_counter()))


def serve(certificate: str) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_address[1], flush=True)
    server.serve_forever()


@contextmanager
def running_server(certificate: Path | None) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.download", "--serve", str(certificate or "")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        try:
            yield f"https://localhost:{port}" if certificate else f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def fetch_once(order: dict[str, Any]) -> dict[str, float]:
    """Run in a process of its own: its memory is the download's."""
    import resource

    # Loaded when first needed; it belongs to the start of the process, which curl's clock leaves out as well.
    import filelock  # noqa: F401
    import httpcore  # noqa: F401
    import httpx  # noqa: F401
    import xxhash  # noqa: F401

    from samj_bridge.download import Source, fetch
    from samj_bridge.settings import Settings

    source = Source((order["url"],), "file", order["size"], tuple(order["hashes"]), allow_http=True)
    home = Path(order["folder"])
    began, used = time.perf_counter(), time.process_time()
    fetch(source, home / "ours", settings=Settings(home=home, ca_bundle=order["ca"]))
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    # In kilobytes, on macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {"mb_per_s": order["size"] / MB / seconds, "peak_mb": peak / MB, "cpu_s": cpu}


def ours(url: str, size: int, hashes: tuple[str, ...], ca: Path, folder: Path) -> dict[str, float]:
    order = {"url": url, "size": size, "hashes": hashes, "ca": str(ca), "folder": str(folder)}
    command = [sys.executable, "-m", "benchmarks.download", "--fetch", json.dumps(order)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (folder / "ours").unlink()
    return dict(json.loads(done.stdout))


def curl(url: str, ca: Path, folder: Path) -> float:
    target = folder / "curls"
    command = ["curl", "--silent", "--fail", "--cacert", ca, "--noproxy", "*", "-o", target]
    done = subprocess.run(
        [*command, "--write-out", "%{speed_download}", url], capture_output=True, text=True, check=True
    )
    target.unlink()
    return float(done.stdout) / MB


def limits(size: int, folder: Path) -> dict[str, float]:
    """Return what the parts can do alone, in MB/s: the slowest hash on one processor, all on all, and the disk."""
    from samj_bridge.download.digest import Digester

    data = list(blocks(min(size, 200 * MB)))
    amount = sum(map(len, data)) / MB
    began = time.perf_counter()
    md5 = hashlib.md5(usedforsecurity=False)
    for block in data:
        md5.update(block)
    slowest = amount / (time.perf_counter() - began)
    began = time.perf_counter()
    with Digester(sum(map(len, data))) as digester:
        for block in data:
            digester.update(block)
        digester.finish()
    every = amount / (time.perf_counter() - began)
    began = time.perf_counter()
    with (folder / "disk").open("wb", buffering=0) as file:
        for block in data:
            file.write(block)
        os.fsync(file.fileno())
    disk = amount / (time.perf_counter() - began)
    (folder / "disk").unlink()
    return {"md5 alone": slowest, "all hashes": every, "write and fsync": disk}


def row(scheme: str, line: int, hashes: tuple[str, ...], rounds: list[tuple[float, dict[str, float]]]) -> str:
    """Return a line of the table; the ratio is the median of the rounds'."""
    ratio = statistics.median(one["mb_per_s"] / other for other, one in rounds)
    return (
        f"| {scheme}, {f'a line of {line} MB/s' if line else 'loopback'} "
        f"| {'sha256' if len(hashes) == 1 else 'all four'} "
        f"| {statistics.median(other for other, _ in rounds):.0f} MB/s "
        f"| {statistics.median(one['mb_per_s'] for _, one in rounds):.0f} MB/s | {ratio:.0%} "
        f"| {statistics.median(one['cpu_s'] for _, one in rounds):.2f} s "
        f"| {max(one['peak_mb'] for _, one in rounds):.0f} MB |"
    )


def main() -> None:
    import trustme

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=500, help="MB")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lines", type=int, nargs="+", default=[0, 125], help="MB/s of the line; 0: no limit")
    parser.add_argument("--only", choices=["http", "https"])
    parser.add_argument("--folder", type=Path, help="where the files go; a temporary folder by default")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--fetch", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    if arguments.fetch is not None:
        print(json.dumps(fetch_once(json.loads(arguments.fetch))))
        return
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
        size = arguments.size * MB
        every = hashes_of(size)
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, {arguments.size} MB", file=sys.stderr)
        head = "| | hashes | curl -o | ours, median | of curl | processor time | peak memory |"
        print(f"{head}\n|---|---|---|---|---|---|---|")
        schemes = [arguments.only] if arguments.only else ["http", "https"]
        for scheme, line in [(scheme, line) for line in arguments.lines for scheme in schemes]:
            certificate = folder / "server.pem" if scheme == "https" else None
            with running_server(certificate) as host:
                url = f"{host}/{size}/{line}"
                curl(f"{host}/{50 * MB}/0", folder / "ca.pem", folder)
                for hashes in (every[:1], every):
                    rounds = [
                        (curl(url, folder / "ca.pem", folder), ours(url, size, hashes, folder / "ca.pem", folder))
                        for _ in range(arguments.rounds)
                    ]
                    print(row(scheme, line, hashes, rounds), flush=True)
        for name, speed in limits(size, folder).items():
            print(f"{name}: {speed:.0f} MB/s")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()

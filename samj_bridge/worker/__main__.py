"""Start the worker: ``python -m samj_bridge.worker``, or the bundle itself as a program."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """Serve requests on stdin until it ends."""
    options = _parse(arguments)
    # The host decides when its worker ends: Ctrl-C in a terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    from samj_bridge.worker import lease, machine, stdio

    held = lease.hold(options.hold) if options.hold else None

    def leaving() -> None:
        lease.forget(held)

    if options.host:
        machine.leave_with(options.host, leaving)
    machine.keep_freed_memory()
    requests, writer = stdio.take_over()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")

    # Threads that spin while they wait take the cores from those that work; OpenMP reads this when torch comes in.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # What Apple's graphics can't do yet is done by the processor, instead of failing.
    os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

    # numpy and torch come in here, before stdin is read: on Windows importing them while another thread reads
    # stdin hangs (https://github.com/numpy/numpy/issues/24290).
    from samj_bridge.worker.cache import Encodings
    from samj_bridge.worker.devices import use_threads
    from samj_bridge.worker.disk import DiskCache
    from samj_bridge.worker.engine import Engine
    from samj_bridge.worker.loop import Loop
    from samj_bridge.worker.operations import operations_of

    engine = Engine(Encodings(options.cache_bytes), memory_bytes=options.memory_bytes)
    if options.cache_dir:
        engine.cache_dir = Path(options.cache_dir)
        engine.disk = DiskCache(engine.cache_dir / "encodings", options.disk_bytes)
        engine.disk_least_s = options.disk_seconds
    engine.families = {**engine.families, **dict(item.split("=", 1) for item in options.family)}
    operations = operations_of(engine, use_threads(options.threads))
    Loop(requests, writer, operations, leaving).run()


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="samj_bridge.worker", description="Worker of samj-bridge: docs/reference/protocol.md."
    )
    parser.add_argument("--host", type=int, default=0, help="end when this process ends")
    parser.add_argument("--hold", default="", help="lock a file of this name and a random ending while this runs")
    parser.add_argument("--threads", type=int, default=0, help="threads; 0: one per physical core")
    parser.add_argument("--cache-bytes", type=int, default=1 << 30, help="budget of the encodings kept")
    parser.add_argument("--cache-dir", default="", help="folder for what is measured and encoded once")
    parser.add_argument("--disk-bytes", type=int, default=0, help="budget of the encodings kept there")
    parser.add_argument("--disk-seconds", type=float, default=1.0, help="keep those that took at least so long")
    parser.add_argument("--memory-bytes", type=int, default=None, help="memory that encoding may take")
    parser.add_argument(
        "--family", action="append", default=[], metavar="NAME=FILE.py", help="a family of your own"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()

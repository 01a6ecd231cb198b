"""What the server costs on top of a session: ``python -m benchmarks.serve [--prompts 10000] [--kills 20]``.

One run holds both sides: the same prompts through `Session` and over HTTP, one after the other, so that a noisy
machine troubles both. Of times the least of all repeats is shown: what is above it is the machine's. Nothing is
measured beside it: samapi, QuPath's usual server, comes from GitHub alone, and so do the networks that it needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict

import psutil

from benchmarks.serve.asking import as_png, served, view
from benchmarks.serve.crowd import many_clients
from benchmarks.serve.kills import killed
from benchmarks.serve.page import PAINTED, painted
from benchmarks.serve.processor import processor_time
from benchmarks.serve.prompts import new_views, one_prompt
from benchmarks.serve.rows import Row, show
from samj_bridge import Session, Settings
from samj_bridge.install import ensure_environment
from samj_bridge.server.serving import Card


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--views", type=int, default=10)
    parser.add_argument("--model", default="starter", help="whose processor time is measured")
    parser.add_argument("--prompts", type=int, default=10_000, help="from eight clients")
    parser.add_argument("--kills", type=int, default=20, help="of the worker, while four clients work")
    arguments = parser.parse_args()
    settings = Settings.from_environment()
    ensure_environment(settings)
    with served(settings) as (card, process), Session("starter", settings=settings) as session:
        rows = []
        for row in figures(card, process, session, arguments):
            rows.append({**asdict(row), "met": row.met})
            if not arguments.json:
                show(row)
    if arguments.json:
        print(json.dumps({"rows": rows}))


def figures(card: Card, process: psutil.Process, session: Session, asked: argparse.Namespace) -> Iterator[Row]:
    yield from one_prompt(card, session, asked.repeats)
    yield from new_views(card, session, asked.views)
    yield from (Row(PAINTED, value, "ms", 60) for value in painted(card, as_png(view(0)), asked.repeats))
    yield from processor_time(card, process, asked.views, asked.model)
    yield from many_clients(card, process, asked.prompts)
    yield from killed(card, process, asked.kills)


if __name__ == "__main__":
    main()

"""A program that downloads one file: for tests that kill it, or start it twice.

``python downloader.py JSON`` with ``url``, ``target``, ``size``, ``hashes``; prints every progress event and its
end as lines of JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from samj_bridge.download import Policy, Source, fetch
from samj_bridge.errors import SamjError
from samj_bridge.progress import ProgressEvent
from samj_bridge.settings import Settings


def main(argument: str) -> int:
    wanted = json.loads(argument)
    target = Path(wanted["target"])

    def show(event: ProgressEvent) -> None:
        print(json.dumps(asdict(event)), flush=True)

    source = Source((wanted["url"],), target.name, wanted["size"], tuple(wanted["hashes"]), allow_http=True)
    try:
        digests = fetch(
            source,
            target,
            settings=Settings(home=target.parent),
            progress=show,
            policy=Policy(backoff_s=0.02, stall_s=20.0),
        )
    except SamjError as error:
        print(json.dumps({"error": error.to_dict()}), flush=True)
        return 1
    print(json.dumps({"digests": asdict(digests)}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

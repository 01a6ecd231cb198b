"""The card's command starts a worker for a client in any language, which then holds the environment."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from samj_bridge.process.locks import is_locked
from samj_bridge.session.card import CARD_NAME, refresh_card
from samj_bridge.settings import Settings

pytestmark = pytest.mark.worker


def test_the_command_on_the_card_starts_a_worker_that_holds_its_environment(
    linked_home: Path, tmp_path: Path
) -> None:
    refresh_card(Settings(home=linked_home))
    card = json.loads((linked_home / CARD_NAME).read_text(encoding="utf-8"))
    command = list(card["command"])
    # A lease elsewhere: other sessions use the suite's environment too.
    lease = tmp_path / "leases" / "prefix"
    command[command.index("--hold") + 1] = str(lease)
    environ = {**os.environ, **card["variables"], "PATH": os.pathsep.join([*card["path"], os.environ["PATH"]])}
    worker = subprocess.Popen(
        [*command, "--host", str(os.getpid())],
        env=environ,
        cwd=Path(card["bundle"]).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        model = card["models"][0]
        names = ("family", "architecture", "transform", "checkpoint")
        load = {"model": model["id"], **{name: model[name] for name in names}, "device": card["device"]}
        for task, inputs in (("hello", {}), ("load", load)):
            request = {"task": task, "requestType": "EXECUTE", "script": task, "inputs": inputs}
            worker.stdin.write(json.dumps(request) + "\n")
            worker.stdin.flush()
            assert json.loads(worker.stdout.readline())["responseType"] == "LAUNCH"
            answer = json.loads(worker.stdout.readline())
            assert answer["responseType"] == "COMPLETION", answer
            if task == "hello":
                assert answer["outputs"]["protocol"] == card["protocol"]
        (held,) = lease.parent.glob(f"{lease.name}.*")
        assert is_locked(held), "env remove and setup --again would take the environment away"
        worker.stdin.close()
        assert worker.wait(120) == 0
    assert not held.exists()

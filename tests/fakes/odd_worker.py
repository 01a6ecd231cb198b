"""A worker of a few lines that speaks the protocol and misbehaves on order: ``python odd_worker.py MANNER``.

``hello`` and ``load`` are answered properly unless the manner says otherwise; other operations as it says.
"""

import json
import os
import sys
import threading
import time

MANNER = sys.argv[1]
HELLO = {
    "protocol": "1.0",
    "versions": {},
    "device": "cpu",
    "precision": "",
    "threads": 1,
    "operations": [],
    "pid": 1,
}


def send(task, kind, **fields):
    os.write(1, (json.dumps({"task": task, "responseType": kind, **fields}) + "\n").encode())


def operate(task, script):
    if MANNER == "silent":
        return
    send(task, "LAUNCH")
    if MANNER == "launches-only":
        return
    if MANNER == "garbage":
        os.write(1, b"\xff\xfe not json\n[1, 2]\n{}\n\n")
    if MANNER == "not-json-failure":
        send(task, "FAILURE", error="Traceback: something")
        return
    if MANNER == "unknown-code":
        send(task, "FAILURE", error=json.dumps({"code": "from-the-future", "message": "New.", "hint": ""}))
        return
    if MANNER == "dies":
        os.write(2, "letzte W\xf6rter\n".encode("latin-1"))
        os._exit(7)
    if MANNER == "answers-and-dies":
        send(task, "COMPLETION", outputs={"script": script})
        os._exit(7)
    if MANNER == "big":
        send(task, "COMPLETION", outputs={"text": "x" * 5_000_000})
        return
    if MANNER == "twice":
        send(task, "COMPLETION", outputs={"first": True})
    send(task, "COMPLETION", outputs={"script": script})


def ticks(task):
    for tick in range(1000):
        time.sleep(0.05)
        send(task, "UPDATE", current=tick)


if MANNER == "ends-at-once":
    sys.exit(3)
for line in sys.stdin:
    request = json.loads(line)
    name = request["task"]
    if request["requestType"] == "CANCEL":
        if MANNER == "cancels":
            send(name, "CANCELATION")
        continue
    if request["script"] == "hello":
        version = {"old-version": "0.9", "new-version": "2.0"}.get(MANNER, "1.0")
        send(name, "COMPLETION", outputs={**HELLO, "protocol": version})
    elif MANNER == "cancels":
        send(name, "LAUNCH")
    elif MANNER == "ticks":
        send(name, "LAUNCH")
        threading.Thread(target=ticks, args=(name,), daemon=True).start()
    else:
        operate(name, request["script"])
if MANNER == "ignores-the-end":
    time.sleep(600)

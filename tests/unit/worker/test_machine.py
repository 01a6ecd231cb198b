import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from samj_bridge.process.locks import is_locked
from samj_bridge.worker import lease, machine


def test_there_is_at_least_one_core_and_no_more_than_the_system_counts():
    assert 1 <= machine.physical_cores() <= (os.cpu_count() or 1)


def test_available_memory_is_a_sensible_number_where_the_system_tells():
    available = machine.available_bytes()
    assert available is None or 1 << 20 < available < 1 << 50


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc keeps memory when it is told to")
def test_freed_arrays_are_used_again_without_new_pages():
    program = """
import resource
import numpy as np
from samj_bridge.worker.machine import keep_freed_memory
assert keep_freed_memory()
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(1 << 20)
before = faults()
for _ in range(50):
    np.ones(1 << 20)
print(faults() - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 50 * 2048 / 10


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="only Linux gives handles of processes")
def test_a_process_leaves_with_its_host_even_while_its_stdin_stays_open_and_lets_its_lease_go(tmp_path):
    name = str(tmp_path / "leases" / "prefix")
    with subprocess.Popen(["sleep", "600"]) as host:
        program = (
            "import sys\n"
            "from samj_bridge.worker import lease, machine\n"
            f"held = lease.hold({name!r})\n"
            f"machine.leave_with({host.pid}, lambda: lease.forget(held))\n"
            "print(held, flush=True)\n"
            "sys.stdin.read()\n"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen([sys.executable, "-c", program], text=True, **pipes) as worker:
            held = Path(worker.stdout.readline().strip())
            assert is_locked(held)
            time.sleep(0.3)
            assert worker.poll() is None
            host.kill()
            assert worker.wait(120) == 0
            worker.stdin.close()
    assert not held.exists()


def test_a_lease_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("", encoding="ascii")
    assert lease.hold(str(tmp_path / "file" / "leases" / "prefix")) is None
    lease.forget(None)

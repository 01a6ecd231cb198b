import os
import subprocess
import sys
import time

import pytest

from samj_bridge.worker import machine


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
def test_a_process_leaves_with_its_host_even_while_its_stdin_stays_open():
    with subprocess.Popen(["sleep", "600"]) as host:
        leave = f"from samj_bridge.worker.machine import leave_with; leave_with({host.pid})"
        program = f"{leave}; import sys; sys.stdin.read()"
        with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as worker:
            time.sleep(0.3)
            assert worker.poll() is None
            host.kill()
            assert worker.wait(5) == 0
            worker.stdin.close()

"""In a process of its own: there is no way back."""

import os
import subprocess
import sys

import pytest

_PROGRAM = """
import os, threading
from pathlib import Path
from flows.tasks.give_way import give_way

done = threading.Event()
before = threading.Thread(target=done.wait)
before.start()
give_way()
after = threading.Thread(target=done.wait)
after.start()
print(*sorted(os.sched_getscheduler(int(one.name)) for one in Path("/proc/self/task").iterdir()))
done.set()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the idle class is Linux's")
def test_all_threads_are_idle_ones_when_they_give_way() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=True)
    policies = [int(word) for word in done.stdout.split()]
    assert len(policies) >= 3
    assert set(policies) == {os.SCHED_IDLE}

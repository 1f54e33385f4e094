"""Computes only while nobody else wants the processor."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path


def give_way() -> None:
    """Put every thread of this process, and those that they start, into the class of idle ones (Linux only).

    A niced training still gets its tenth of a core, a few milliseconds at a time, and each time in the middle of some
    part's inference: beside a line at five parts a second the line's 99th percentile doubles. In the idle class it
    gets what is left (docs/benchmarks.md). There is no way back without a privilege.

    Source:
        sched(7), SCHED_IDLE.
    """
    if sys.platform != "linux":
        return
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))

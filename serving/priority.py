"""Threads that give way to the line."""

import os
import sys
import threading
from typing import Final

_NICENESS: Final = 10


def take_low_priority() -> None:
    """Lowers the calling thread's priority; threads that it starts inherit that. Linux only, elsewhere nothing."""
    if sys.platform == "linux":
        thread = threading.get_native_id()
        # A process that is nicer than this already stays so: going back needs a privilege.
        os.setpriority(os.PRIO_PROCESS, thread, max(_NICENESS, os.getpriority(os.PRIO_PROCESS, thread)))

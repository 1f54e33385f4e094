"""The tie between a process of the platform and its supervisor. Imports next to nothing: every process starts here."""

import ctypes
import os
import signal
import sys
from typing import Final

SUPERVISOR_PID: Final = "USSOP_SUPERVISOR_PID"
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


def die_with_supervisor() -> None:
    """Let the kernel kill this process when its supervisor dies, however that happens.

    Does nothing in a process that no supervisor of ours started, and on systems without prctl(2).
    """
    expected = os.environ.get(SUPERVISOR_PID)
    if expected is None or sys.platform != "linux":
        return
    # SIGKILL: with the supervisor gone nobody would follow up on a SIGTERM, and the data is safe from it.
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(expected):  # it died before the line above
        sys.exit("ussop: the supervisor is gone")

"""Notices that somebody or something has set the clock forward while this process runs."""

import time
from datetime import datetime
from typing import Final

from serving.clock import Clock, utc_now

TOLERATED_JUMP_S: Final = 6 * 3600
"""Retention counts in days: an hour more or less takes nothing. A summer time that was mistaken for UTC is below."""


class ClockWatch:
    """Compares the clock with the time that has really passed, which nobody can set."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._lead_s = clock().timestamp() - _elapsed_s()

    def jump_s(self, now: datetime) -> float:
        """By how many seconds the clock has gone faster than time since the start; negative when it was set back."""
        return now.timestamp() - _elapsed_s() - self._lead_s


def _elapsed_s() -> float:
    # CLOCK_MONOTONIC stands still while a machine sleeps, and waking up is no jump (man 2 clock_gettime).
    boot_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boot_clock)

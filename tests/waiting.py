"""Waiting for a condition, with a deadline in which only the time counts that this process was let run."""

import time
from collections.abc import Callable
from typing import Any, Final

_PAUSE_S: Final = 0.2
# Longer than any question asked here: what lasts longer was a machine that slept, or a process that was stopped.
_LONGEST_LOOK_S: Final = 15.0


def wait_until(condition: Callable[[], Any], what: str, deadline_s: float = 120.0) -> Any:
    """The first true value of a condition, asked five times a second."""
    left_s = deadline_s
    while left_s > 0:
        began_s = time.monotonic()
        value = condition()
        if value:
            return value
        time.sleep(_PAUSE_S)
        left_s -= min(time.monotonic() - began_s, _LONGEST_LOOK_S)
    raise AssertionError(f"not within {deadline_s:g} s: {what}")

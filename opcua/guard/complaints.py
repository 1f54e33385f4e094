"""Log lines about what strangers do: they must not decide how long the log becomes."""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog

PERIOD_S: Final = 60.0
MOST_LINES: Final = 100
_log = structlog.get_logger(__name__)


class Complaints:
    """So many lines a minute, and then how many more there were."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begins the first minute."""
        self._monotonic = monotonic
        self._began_s = monotonic()
        self._lines = 0
        self._left_out = 0

    def tell(self, event: str, **fields: Any) -> None:
        """Writes a line, or counts it."""
        if self._monotonic() - self._began_s >= PERIOD_S:
            if self._left_out:
                _log.warning("opcua_more_refused", count=self._left_out)
            self._began_s, self._lines, self._left_out = self._monotonic(), 0, 0
        if self._lines >= MOST_LINES:
            self._left_out += 1
            return
        self._lines += 1
        _log.warning(event, **fields)

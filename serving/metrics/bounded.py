"""Labels whose values come from the plant, kept to a number that Prometheus can bear."""

import threading
from typing import Final

OTHER: Final = "other"


class BoundedLabel:
    """Lets the first so many values through and calls all others `other`. Safe to use from several threads."""

    def __init__(self, most: int) -> None:
        """Takes how many values there may be."""
        self._most = most
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def of(self, value: str) -> str:
        """The label for a value; one value, one label, as long as the process lives."""
        if value in self._known:
            return value
        with self._lock:
            if len(self._known) < self._most:
                self._known.add(value)
            return value if value in self._known else OTHER

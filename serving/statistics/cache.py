"""Answers that are good for a while, unless something has changed that the caller would notice."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

T = TypeVar("T")
_MOST: Final = 256


class FigureCache(Generic[T]):
    """Remembers answers by what was asked. Safe to use from several threads; blocks while an answer is made."""

    def __init__(self, good_for_s: float) -> None:
        """Takes how long an answer is good."""
        self._good_for_s = good_for_s
        self._making = threading.Lock()
        self._answers: OrderedDict[Hashable, tuple[T, Hashable, float]] = OrderedDict()

    def get(self, asked: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """The answer to what was asked.

        Args:
            asked: The question.
            version: Changes with whatever a caller would notice; read before the answer is made.
            make: Makes the answer.
        """
        with self._making:  # of several that ask, one counts
            known = self._answers.get(asked)
            if known is not None and known[1] == version and time.monotonic() - known[2] < self._good_for_s:
                return known[0]
            made = make(), version, time.monotonic()
            self._answers[asked] = made
            self._answers.move_to_end(asked)
            while len(self._answers) > _MOST:
                self._answers.popitem(last=False)
            return made[0]

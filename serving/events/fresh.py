"""Answers that were just given: the relay tells of them without reading their rows again."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from serving.inspections.schemas import InspectionOut

# More than wait for the relay at any load: what it did not take in time it reads from the database.
MOST_KEPT: Final = 256


class FreshAnswers:
    """The newest answers, by the id of their inspection. Threads share it."""

    def __init__(self) -> None:
        """Begins empty."""
        self._lock = threading.Lock()
        self._answers: dict[str, InspectionOut] = {}

    def put(self, answer: InspectionOut) -> None:
        """Keep an answer; the oldest goes where there are too many."""
        with self._lock:
            self._answers[answer.id] = answer
            if len(self._answers) > MOST_KEPT:
                del self._answers[next(iter(self._answers))]

    def take(self, inspection_ids: Iterable[str]) -> Mapping[str, InspectionOut]:
        """The answers among those that are kept; they are kept no longer."""
        with self._lock:
            found = {one: self._answers.pop(one, None) for one in inspection_ids}
        return {one: answer for one, answer in found.items() if answer is not None}

"""The deadline of a station: a verdict that comes later is none, because the part is past by then."""

import time
from dataclasses import dataclass

from serving.errors import TooLate


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the answer for one part must be out.

    Attributes:
        due_s: By `time.perf_counter`.
        allowed_ms: Milliseconds that were allowed.
    """

    due_s: float
    allowed_ms: float

    @classmethod
    def from_now(cls, allowed_ms: float) -> "Deadline | None":
        """The deadline of a part that is complete now, None where none is set (0)."""
        return cls(time.perf_counter() + allowed_ms / 1000, allowed_ms) if allowed_ms else None

    @property
    def left_s(self) -> float:
        """Seconds until then, 0 at least."""
        return max(0.0, self.due_s - time.perf_counter())

    def error(self) -> TooLate:
        """What the caller gets in place of a verdict."""
        return TooLate(f"no verdict within the station's deadline of {self.allowed_ms:g} ms")


def require_in_time(deadline: Deadline | None) -> None:
    """Returns while there is time.

    Raises:
        TooLate: There is none left.
    """
    if deadline is not None and time.perf_counter() >= deadline.due_s:
        raise deadline.error()

"""The messages published last: whoever asks for them again and again is answered without the database."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from serving.events.messages import Choice, Message

MOST_KEPT: Final = 1000
MOST_KEPT_BYTES: Final = 4 * 1024 * 1024
# A message tells what was so when it was published; whoever asks later is told what is so now.
FRESH_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages in order.

    Attributes:
        messages: Those that were wanted.
        last_seq: Where to go on: everything up to it is in `messages` or was not wanted.
    """

    messages: Sequence[Message]
    last_seq: int


class RecentMessages:
    """What was published last, without a gap. Used on the event loop only."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Takes the clock; nothing is kept before `begin_after`."""
        self._monotonic = monotonic
        self._kept: deque[tuple[float, Message]] = deque()
        self._bytes = 0
        self._after: int | None = None

    def begin_after(self, position: int) -> None:
        """Forget everything; what comes after that number is kept."""
        self._kept.clear()
        self._bytes = 0
        self._after = position

    def keep(self, messages: Sequence[Message]) -> None:
        """Keep the messages that follow the kept ones; the oldest go where there are too many."""
        now_s = self._monotonic()
        for message in messages:
            self._kept.append((now_s, message))
            self._bytes += len(message.text)
        while len(self._kept) > MOST_KEPT or self._bytes > MOST_KEPT_BYTES:
            _, gone = self._kept.popleft()
            self._bytes -= len(gone.text)
            self._after = gone.seq

    def page(self, choice: Choice, after: int, upto: int, limit: int) -> Page | None:
        """The next messages after a number; None where one of them is not here, or no longer fresh.

        Args:
            choice: Which are wanted.
            after: The number.
            upto: Number of the newest published event.
            limit: How many at most.
        """
        if self._after is None or not self._after <= after <= upto:
            return None
        fresh_since_s = self._monotonic() - FRESH_S
        found: list[Message] = []
        for published_s, message in reversed(self._kept):
            if message.seq <= after:
                break
            if published_s < fresh_since_s:
                return None
            if choice.wants(message.type, message.station_id):
                found.append(message)
        found.reverse()
        return Page(found[:limit], found[limit - 1].seq if len(found) >= limit else upto)

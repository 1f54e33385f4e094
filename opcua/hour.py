"""The share of passed parts in the last hour, part by part and without asking anybody."""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from serving.opcua_status.schemas import BUCKET_S

_BUCKETS: Final = 3600 // BUCKET_S


class PassRateHour:
    """Counts in buckets of ten seconds: what it says is at most that old, and costs the same at any rate of parts."""

    def __init__(self, buckets: Iterable[tuple[int, int, int]] = ()) -> None:
        """Takes what the database has: number of the bucket, passed parts, all parts."""
        self._buckets: deque[list[int]] = deque([number, passed, total] for number, passed, total in sorted(buckets))
        self._passed = sum(bucket[1] for bucket in self._buckets)
        self._total = sum(bucket[2] for bucket in self._buckets)

    def add(self, at: datetime, *, passed: bool) -> None:
        """Counts a part."""
        number = int(at.timestamp()) // BUCKET_S
        self._passed += passed
        self._total += 1
        # Parts come nearly in order: a late one goes to a bucket near the end.
        for place in range(len(self._buckets) - 1, -1, -1):
            bucket = self._buckets[place]
            if bucket[0] == number:
                bucket[1] += passed
                bucket[2] += 1
                return
            if bucket[0] < number:
                self._buckets.insert(place + 1, [number, int(passed), 1])
                return
        self._buckets.appendleft([number, int(passed), 1])

    def percent(self, now: datetime) -> float | None:
        """Share of *pass* in per cent, 0 to 100; None where nothing was inspected."""
        oldest = int(now.timestamp()) // BUCKET_S - _BUCKETS
        while self._buckets and self._buckets[0][0] <= oldest:
            _, passed, total = self._buckets.popleft()
            self._passed -= passed
            self._total -= total
        return 100.0 * self._passed / self._total if self._total else None

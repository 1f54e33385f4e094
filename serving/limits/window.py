"""Counts hits in a moving window, in memory."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple, cast

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from slowapi import Limiter
from slowapi.util import get_remote_address

_SWEEP_EVERY_S = 60.0


class Hit(NamedTuple):
    """What came of one hit.

    Attributes:
        allowed: Whether it was within the limit.
        remaining: Hits left.
        reset_s: Seconds until the oldest hit leaves the window.
    """

    allowed: bool
    remaining: int
    reset_s: float


class _Sleeper(threading.Timer):
    """Stands in for the storage's own timer and says that it runs already.

    The storage would start a new thread every 10 ms of traffic, from the event loop, to drop what has expired;
    starting one took up to 6 ms on a busy machine. `MovingWindow` drops it itself.
    """

    def __init__(self) -> None:
        super().__init__(0.0, lambda: None)

    def is_alive(self) -> bool:
        """True, so that no thread is started."""
        return True


class MovingWindow:
    """slowapi's moving window. Safe to use from several threads."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        limiter = Limiter(key_func=get_remote_address, strategy="moving-window", auto_check=False)
        self._window = cast("MovingWindowRateLimiter", limiter.limiter)
        self._storage = cast("MemoryStorage", self._window.storage)
        self._storage.timer.cancel()
        self._storage.timer.join()
        self._storage.timer = _Sleeper()
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last_hits: dict[tuple[RateLimitItem, str], float] = {}
        self._swept_s = monotonic()

    def hit(self, item: RateLimitItem, key: str) -> Hit:
        """Take one hit of the key's allowance, if any is left."""
        with self._lock:
            allowed = self._window.hit(item, key)
            self._drop_old(item, key)
            self._last_hits[item, key] = self._monotonic()
            self._sweep()
            reset_at, remaining = self._window.get_window_stats(item, key)
        return Hit(allowed, remaining, max(0.0, reset_at - time.time()))

    def clear(self, item: RateLimitItem, key: str) -> None:
        """Give a key its whole allowance back."""
        with self._lock:
            self._forget(item, key)

    @property
    def keys(self) -> int:
        """Number of keys remembered."""
        return len(self._last_hits)

    def _drop_old(self, item: RateLimitItem, key: str) -> None:
        """Drop what is never looked at again: all but the newest `amount` hits, and those that left the window.

        The latter count where the limit is far above the traffic: a million a minute would keep a million of them.
        """
        hits = self._storage.events.get(item.key_for(key), [])  # newest first
        del hits[item.amount :]
        now_s = time.time()
        while hits and hits[-1].expiry < now_s:
            hits.pop()

    def _sweep(self) -> None:
        """Forget keys that have not been seen for a whole window, once a minute."""
        now_s = self._monotonic()
        if now_s - self._swept_s < _SWEEP_EVERY_S:
            return
        self._swept_s = now_s
        for (item, key), seen_s in list(self._last_hits.items()):
            if now_s - seen_s > item.get_expiry():
                self._forget(item, key)

    def _forget(self, item: RateLimitItem, key: str) -> None:
        self._window.clear(item, key)
        self._last_hits.pop((item, key), None)

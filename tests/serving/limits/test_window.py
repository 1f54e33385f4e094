"""The moving window forgets what it no longer needs, and starts no threads."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond

from serving.limits.window import MovingWindow

_ITEM = RateLimitItemPerMinute(3)


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_hits_are_refused_when_the_allowance_is_used_up() -> None:
    window = MovingWindow()
    hits = [window.hit(_ITEM, "a") for _ in range(5)]
    assert [hit.allowed for hit in hits] == [True, True, True, False, False]
    assert [hit.remaining for hit in hits] == [2, 1, 0, 0, 0]
    assert all(55 < hit.reset_s <= 60 for hit in hits)
    assert window.hit(_ITEM, "b").allowed
    window.clear(_ITEM, "a")
    assert window.hit(_ITEM, "a").allowed


def test_exactly_the_allowance_is_given_when_many_threads_hit() -> None:
    window, item = MovingWindow(), RateLimitItemPerMinute(50)
    with ThreadPoolExecutor(8) as pool:
        allowed = sum(pool.map(lambda _: window.hit(item, "a").allowed, range(400)))
    assert allowed == 50


def test_keys_are_forgotten_when_they_were_idle_for_a_window() -> None:
    clock = _Clock()
    window = MovingWindow(clock)
    for number in range(1000):
        window.hit(_ITEM, f"peer-{number}")
    assert window.keys == 1000
    clock.now_s = 61.0
    window.hit(_ITEM, "one more")
    assert window.keys == 1


def test_memory_stays_small_when_one_key_goes_on_for_ever() -> None:
    window, item = MovingWindow(), RateLimitItemPerSecond(5)
    for _ in range(1000):
        window.hit(item, "a")
    assert len(window._storage.events[item.key_for("a")]) <= 5


def test_no_thread_is_started_when_hit() -> None:
    before = threading.active_count()
    window = MovingWindow()
    for number in range(200):
        window.hit(_ITEM, f"{number}")
    assert threading.active_count() == before


def test_hits_are_dropped_when_they_left_the_window_of_a_limit_far_above_the_traffic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    window, item = MovingWindow(), RateLimitItemPerSecond(1_000_000)
    for _ in range(500):
        window.hit(item, "a")
    later_s = time.time() + 1.1
    monkeypatch.setattr(time, "time", lambda: later_s)
    assert window.hit(item, "a").remaining == 999_999
    assert len(window._storage.events[item.key_for("a")]) == 1

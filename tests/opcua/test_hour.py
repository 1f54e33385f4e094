"""The pass rate of the last hour, part by part."""

from datetime import UTC, datetime, timedelta

import pytest

from opcua.hour import PassRateHour

_NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def test_rate_is_that_of_the_last_hour_when_parts_grow_older() -> None:
    hour = PassRateHour()
    assert hour.percent(_NOON) is None
    for minute in range(90):
        hour.add(_NOON + timedelta(minutes=minute), passed=minute % 3 != 0)
    assert hour.percent(_NOON + timedelta(minutes=89)) == pytest.approx(100 * 2 / 3, abs=1.2)
    hour.add(_NOON + timedelta(minutes=150), passed=True)
    assert hour.percent(_NOON + timedelta(minutes=150)) == 100.0
    assert hour.percent(_NOON + timedelta(minutes=211)) is None


def test_late_part_counts_when_it_comes_out_of_order() -> None:
    hour = PassRateHour([(int(_NOON.timestamp()) // 10, 1, 2)])
    hour.add(_NOON - timedelta(minutes=5), passed=False)
    hour.add(_NOON + timedelta(minutes=5), passed=True)
    hour.add(_NOON - timedelta(minutes=5), passed=False)
    assert hour.percent(_NOON + timedelta(minutes=5)) == pytest.approx(40.0)
    assert hour.percent(_NOON + timedelta(minutes=56)) == pytest.approx(200 / 3)

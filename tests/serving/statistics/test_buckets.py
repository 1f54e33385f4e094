"""Hours and days of the plant's clock, also on the days on which it is changed."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from serving.statistics.buckets import Interval, buckets_between
from serving.statistics.quarters import QUARTER, next_quarter, quarter_of

BERLIN = ZoneInfo("Europe/Berlin")


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_labels_have_the_documented_form_when_hourly() -> None:
    buckets = buckets_between(_utc("2024-01-15 08:10"), _utc("2024-01-15 10:59"), "hour", ZoneInfo("UTC"))
    assert buckets.labels == ["2024-01-15 08:00:00", "2024-01-15 09:00:00", "2024-01-15 10:00:00"]
    assert buckets.starts_at == [_utc(f"2024-01-15 {hour:02}:00") for hour in (8, 9, 10)]


def test_a_bucket_begins_when_the_window_ends_on_the_hour() -> None:
    buckets = buckets_between(_utc("2024-01-15 08:00"), _utc("2024-01-15 10:00"), "hour", ZoneInfo("UTC"))
    assert [label[11:13] for label in buckets.labels] == ["08", "09", "10"]


def test_missing_hour_has_no_label_when_the_clock_goes_forward() -> None:
    buckets = buckets_between(_utc("2026-03-29 00:00"), _utc("2026-03-29 02:30"), "hour", BERLIN)
    assert buckets.labels == ["2026-03-29 01:00:00", "2026-03-29 03:00:00", "2026-03-29 04:00:00"]


def test_double_hour_has_two_buckets_when_the_clock_goes_back() -> None:
    buckets = buckets_between(_utc("2026-10-24 23:00"), _utc("2026-10-25 02:30"), "hour", BERLIN)
    assert [label[11:13] for label in buckets.labels] == ["01", "02", "02", "03"]
    assert len(set(buckets.starts_at)) == 4


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-10", 24)])
def test_day_has_its_real_length_when_the_clock_is_changed(day: str, hours: int) -> None:
    noon = datetime.fromisoformat(f"{day} 12:00").replace(tzinfo=BERLIN)
    buckets = buckets_between(noon - timedelta(days=1), noon + timedelta(days=2), "day", BERLIN)
    at = buckets.labels.index(f"{day} 00:00:00")
    assert buckets.starts_at[at + 1] - buckets.starts_at[at] == timedelta(hours=hours)
    assert sum(index == at for index in buckets.index.values()) == hours * 4


@pytest.mark.parametrize("interval", ["hour", "day"])
@pytest.mark.parametrize(
    "zone", ["UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo", "Pacific/Apia"]
)
def test_buckets_cover_the_window_without_holes_when_in_any_zone(zone: str, interval: Interval) -> None:
    for since in (_utc("2026-04-01 23:59"), _utc("2026-10-01 00:01"), _utc("2026-04-23 12:00")):
        buckets = buckets_between(since, since + timedelta(hours=168), interval, ZoneInfo(zone))
        assert list(buckets.index.values()) == sorted(buckets.index.values())
        assert set(buckets.index.values()) == set(range(len(buckets.labels)))
        assert buckets.starts_at == sorted(set(buckets.starts_at))
        assert buckets.starts_at[0] <= since
        for (_, before), (quarter, index) in pairwise(buckets.index.items()):
            assert (index != before) == (quarter in buckets.starts_at)
        for start, label in zip(buckets.starts_at, buckets.labels, strict=True):
            local = start.astimezone(ZoneInfo(zone))
            expected = "%Y-%m-%d %H:00:00" if interval == "hour" else "%Y-%m-%d 00:00:00"
            assert local.strftime(expected) == label


def test_quarters_are_found_when_at_their_edges() -> None:
    edge = _utc("2026-06-10 11:45")
    assert quarter_of(edge) == next_quarter(edge) == edge
    assert quarter_of(edge - timedelta(microseconds=1)) == edge - QUARTER
    assert next_quarter(edge + timedelta(microseconds=1)) == edge + QUARTER
    assert quarter_of(datetime(2026, 6, 10, 13, 50, tzinfo=BERLIN)) == edge

"""Which shift goes on, and its yield."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from serving.statistics.shifts import shift_at
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part
from tests.serving.statistics.conftest import Plant

BERLIN = ZoneInfo("Europe/Berlin")
THREE = ("22:00", "06:00", "14:00")  # in any order


@pytest.mark.parametrize(
    ("now", "started", "hours"),
    [
        (datetime(2026, 6, 10, 12, 0, tzinfo=UTC), datetime(2026, 6, 10, 12, 0, tzinfo=UTC), 8),  # 14:00 sharp
        (datetime(2026, 6, 10, 11, 59, tzinfo=UTC), datetime(2026, 6, 10, 4, 0, tzinfo=UTC), 8),
        (datetime(2026, 6, 10, 23, 0, tzinfo=UTC), datetime(2026, 6, 10, 20, 0, tzinfo=UTC), 8),  # past midnight
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 3, 28, 21, 0, tzinfo=UTC), 7),  # summer time begins
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 24, 20, 0, tzinfo=UTC), 9),  # and ends
    ],
)
def test_shift_is_that_of_the_plants_clock_when_asked_at(now: datetime, started: datetime, hours: int) -> None:
    shift = shift_at(now, THREE, BERLIN)
    assert (shift.started_at, shift.ends_at - shift.started_at) == (started, timedelta(hours=hours))


def test_a_day_is_one_shift_when_it_begins_once() -> None:
    shift = shift_at(datetime(2026, 6, 10, 3, 59, tzinfo=UTC), ("06:00",), BERLIN)
    assert (shift.started_at.day, shift.ends_at.day) == (9, 10)


def test_only_parts_of_the_shift_count_when_it_has_begun(plant: Plant) -> None:
    now = plant.clock.now  # 12:07:30
    for minutes, decision, station in (
        (3, "pass", "line-1"),
        (6, "fail", "line-1"),
        (8, "pass", "line-1"),
        (7, "pass", "b"),
    ):
        plant.store(Part(at=now - timedelta(minutes=minutes), decision=decision, station_id=station))
    shift = plant.statistics.shift(("12:00", "18:00"))
    assert (shift.started_at, shift.ends_at) == (
        now.replace(minute=0, second=0),
        now.replace(hour=18, minute=0, second=0),
    )
    assert [(one.station_id, one.passed, one.total) for one in shift.by_station] == [("b", 1, 1), ("line-1", 1, 2)]
    plant.clock.now = now.replace(hour=18, minute=1)
    assert plant.statistics.shift(("12:00", "18:00")).by_station == []


def test_shift_is_told_over_http_when_its_beginning_is_changed(client: httpx.Client) -> None:
    client.headers.update(bearer(log_in(client, "engineer")))
    for starts in ([], ["24:00"], ["6:00"], "06:00"):
        assert client.post("/api/v1/config", json={"shift_starts": starts}).status_code == 422
    whole_day = f"{(datetime.now(UTC) + timedelta(hours=1)):%H:%M}"
    assert client.post("/api/v1/config", json={"shift_starts": [whole_day]}).status_code == 200
    for colour in ("red", None, None):
        part = png_bytes(square_picture(colour))
        assert client.post("/api/v1/inspect", files={"file": ("x.png", part)}).status_code == 200
    shift = client.get("/api/v1/statistics/shift").raise_for_status().json()
    assert datetime.fromisoformat(shift["ends_at"]) - datetime.fromisoformat(shift["started_at"]) == timedelta(days=1)
    (station,) = shift["by_station"]
    assert (station["passed"], station["total"]) == (2, 3)

"""Clocks that jump, the two odd days of the year, and 29 February: every part is in one shift, and counted once."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from serving.database import open_database
from serving.settings import Settings
from serving.statistics.shifts import Shift, shift_at
from tests.prove.plugin import Proof
from tests.serving.past import Part
from tests.serving.statistics.conftest import Plant

# Half an hour of summer time, a day left out, a change at midnight, and the usual ones.
_ZONES: Final = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Havana"),
    *("Asia/Kathmandu", "UTC", "Asia/Shanghai", "Africa/Casablanca"),
)
_PLANS: Final = (("06:00", "14:00", "22:00"), ("00:00",), ("02:30",), ("02:00", "03:00"), ("00:00", "12:00", "23:59"))
_DAYS: Final = (
    *("2026-03-29", "2026-10-25", "2028-02-28", "2028-02-29", "2100-02-28", "2026-12-31", "2026-04-05", "2026-10-04"),
    *("2011-12-29", "2011-12-30", "2026-03-08", "2026-11-01", "2027-01-01"),
)


def _shifts(begin: datetime, end: datetime, starts: tuple[str, ...], zone: ZoneInfo) -> Iterator[Shift]:
    at = begin
    while at < end:
        shift = shift_at(at, starts, zone)
        yield shift
        at = shift.ends_at


@pytest.mark.prove("clocks", "moments around changed clocks in nine zones: each is in one shift, and shifts meet")
def test_every_moment_is_in_one_shift_when_clocks_change(proof: Proof) -> None:
    dice, moments = random.Random(proof.seed), 0  # noqa: S311 - no secret
    for zone in map(ZoneInfo, _ZONES):
        for starts in _PLANS:
            for day in _DAYS:
                noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
                shifts = list(_shifts(noon - timedelta(days=2), noon + timedelta(days=2), starts, zone))
                assert all(a.ends_at == b.started_at for a, b in itertools.pairwise(shifts))
                for _ in range(proof.size(short=2, full=40)):
                    at = noon + timedelta(seconds=dice.uniform(-150_000, 150_000))
                    found = shift_at(at, starts, zone)
                    assert found.started_at <= at < found.ends_at
                    assert found in shifts, (zone, starts, at)
                    moments += 1
    proof.note(zones=len(_ZONES), plans=len(_PLANS), days=len(_DAYS), moments=moments, wrong=0)


@pytest.fixture
def plant(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    """A plant without history, whose keeper does not rest between two quarters."""
    monkeypatch.setattr("serving.statistics.keeper._PAUSE_S", 0.0)
    database = open_database(settings)
    yield Plant(database)
    database.close()


_SUMMED: Final = (
    ("2028-02-29", "UTC"),
    ("2026-10-25", "Europe/Berlin"),
    ("2026-03-29", "Europe/Berlin"),
    ("2026-04-05", "Australia/Lord_Howe"),
)


@pytest.mark.prove("clocks", "parts around changed clocks and a leap day: sums of shifts, sums of days, and rows")
async def test_sums_of_shifts_and_days_are_the_rows_when_the_clock_changes(plant: Plant, proof: Proof) -> None:
    dice, rows = random.Random(proof.seed), 0  # noqa: S311 - no secret
    for day, zone in proof.size(short=_SUMMED[:2], full=_SUMMED):
        noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
        moments = [noon + timedelta(hours=dice.uniform(-34, 34)) for _ in range(proof.size(short=150, full=5000))]
        moments += [
            noon + timedelta(hours=1),
            noon - timedelta(hours=1),
            noon + timedelta(hours=1),
        ]  # set back and forth
        plant.store(*(Part(at, dice.choice(("pass", "fail")), f"line-{dice.randrange(3)}") for at in moments))
        rows += len(moments)
        for is_tallied in (False, True):
            if is_tallied:
                plant.clock.now = noon + timedelta(days=2)
                while await plant.keeper.count_due():
                    pass
            for starts in (("06:00", "14:00", "22:00"), ("00:00",)):
                shifts = _shifts(noon - timedelta(days=3), noon + timedelta(days=3), starts, ZoneInfo(zone))
                counts = [plant.statistics.between(s.started_at, s.ends_at, None).total.total for s in shifts]
                assert sum(counts) == len(moments), (day, starts, is_tallied)
    proof.note(rows=rows, wrong_sums=0)


@pytest.mark.parametrize("years", [1, -10])
@pytest.mark.prove("clocks", "parts inspected while the clock is years away: none is lost, none counted twice")
async def test_parts_are_counted_once_when_the_clock_jumps(plant: Plant, years: int, proof: Proof) -> None:
    now = plant.clock.now
    for step in range(6):
        plant.clock.now = now + timedelta(days=365 * years * (step % 2), minutes=20 * step)
        plant.store(Part(plant.clock.now), tallied=plant.statistics.tallied)
        await plant.keeper.count_due()
    plant.clock.now = now + timedelta(days=365 * 11)
    while await plant.keeper.count_due():
        pass
    everything = plant.statistics.between(datetime(2000, 1, 1, tzinfo=UTC), datetime(2060, 1, 1, tzinfo=UTC), None)
    proof.note(jumps=6, rows=6, counted=everything.total.total)
    assert everything.total.total == 6

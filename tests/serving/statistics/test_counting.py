"""Tallied or counted one by one: the figures are those of the inspections, on both databases."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session

from serving.audit.actor import PLATFORM
from serving.inspections import service as inspections
from serving.statistics.counts import Count
from serving.statistics.quarters import QUARTER, quarter_of
from serving.statistics.schemas import StatisticsOut
from serving.statistics.scope import Scope
from serving.statistics.tallied import GRACE
from serving.tables import Inspection
from tests.serving.past import Part
from tests.serving.statistics.conftest import Plant

WEEK = Scope(hours=168)


def _history(now: datetime, count: int, seed: int = 3) -> list[Part]:
    """Parts of the last nine days at two stations, some inspected again, in clusters with silent nights between."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    parts: list[Part] = []
    for number in range(count):
        hours = chance.choice((0.05, 0.6, 3, 30, 31, 100, 167.9, 168.05, 200)) + chance.random() * 0.4
        decision = chance.choices(("pass", "fail", "uncertain"), (8, 2, 1))[0]
        defects = [
            (chance.choice(("scratch", "dent")), chance.choice((None, 2.5, 0.125)))
            for _ in range(0 if decision == "pass" else chance.randint(1, 3))
        ]
        parts.append(
            Part(
                at=now - timedelta(hours=hours),
                decision=decision,
                station_id=chance.choice(("line-1", "line-2")),
                part_id=chance.choice((None, f"S{number // 2}", "again")),
                model_version=chance.choice(("1", "2")),
                time_ms=chance.choice((8.0, 12.5, 20.25)),
                defects=defects,
            )
        )
    return parts


def _is_first(part: Part, parts: Sequence[Part]) -> bool:
    return part.part_id is None or not any(
        other.at < part.at for other in parts if (other.part_id, other.station_id) == (part.part_id, part.station_id)
    )


def _expected(parts: Sequence[Part], since: datetime, station_id: str | None = None) -> Count:
    count = Count()
    for part in parts:
        if part.at < since or station_id not in (None, part.station_id):
            continue
        first = _is_first(part, parts)
        good = part.decision == "pass"
        count.add(
            Count(good, part.decision == "fail", part.decision == "uncertain", first, first and good, part.time_ms)
        )
    return count


def _agree(told: StatisticsOut, expected: Count, parts: Sequence[Part], since: datetime) -> None:
    assert (told.passed, told.failed, told.uncertain) == (expected.passed, expected.failed, expected.uncertain)
    assert told.total_inspections == expected.total
    assert told.first_inspections == expected.first
    assert told.first_pass_yield == expected.first_pass_yield
    assert told.pass_rate == expected.pass_rate
    assert told.avg_inspection_time_ms == pytest.approx(expected.time_ms / expected.total, abs=0.005)
    assert sum(row.total for row in told.by_model_version) == expected.total
    assert sum(row.total for row in told.by_station) == expected.total
    counted = [
        found for part in parts if part.at >= since and told.station_id in (None, part.station_id)
        for found in part.defects
    ]  # fmt: skip
    assert told.defect_breakdown == Counter(name for name, _ in counted)
    for row in told.defects:
        areas = [area for name, area in counted if name == row.class_name and area is not None]
        assert row.measured == len(areas)
        assert row.area_mm2 == pytest.approx(sum(areas))


async def _tally(plant: Plant) -> int:
    """Let the keeper finish; the number of quarters that it counted."""
    counted = 0
    while more := await plant.keeper.count_due():
        counted += more
    return counted


@pytest.mark.parametrize("when", ["before", "after", "partly"])
async def test_figures_are_those_of_the_inspections_when_tallied_or_not(plant: Plant, when: str) -> None:
    parts = _history(plant.clock.now, 300)
    since = plant.clock.now - timedelta(hours=168)
    plant.store(*parts[:150])
    if when == "partly":
        assert await _tally(plant) > 3
    # What is stored now comes late: its quarters may have been counted already.
    plant.store(*parts[150:], tallied=plant.statistics.tallied)
    if when == "after":
        assert await _tally(plant) > 6
        assert await _tally(plant) == 0
    for station_id in (None, "line-1", "line-2"):
        told = plant.statistics.statistics(Scope(168, station_id))
        _agree(told, _expected(parts, since, station_id), parts, since)
        trends = plant.statistics.trends(Scope(168, station_id), "hour")
        assert (sum(trends.total), sum(trends.passed), sum(trends.failed), sum(trends.uncertain)) == (
            told.total_inspections, told.passed, told.failed, told.uncertain,
        )  # fmt: skip
        by_day = plant.statistics.trends(Scope(168, station_id), "day")
        assert sum(by_day.total) == told.total_inspections


async def test_a_deleted_inspection_is_gone_from_the_figures_when_its_quarter_was_tallied(plant: Plant) -> None:
    at = plant.clock.now - timedelta(hours=5)
    first, second = plant.store(
        Part(at, "fail", part_id="A", defects=[("dent", 1.0)]), Part(at + timedelta(hours=2), "pass", part_id="A")
    )
    assert await _tally(plant) == 2
    told = plant.statistics.statistics(WEEK)
    assert (told.total_inspections, told.first_inspections, told.first_pass_yield) == (2, 1, 0.0)
    now = plant.clock.now
    plant.database.write(lambda s: inspections.delete_inspection(s, first, by=PLATFORM, now=now)).result(20)
    plant.statistics.note_changed()
    # The second is now the part's first, though its own quarter has not changed otherwise.
    for tallied in (False, True):
        if tallied:
            assert await _tally(plant) == 2
            plant.statistics.note_changed()
        told = plant.statistics.statistics(WEEK)
        assert (told.total_inspections, told.first_inspections, told.first_pass_yield) == (1, 1, 1.0)
        assert told.defect_breakdown == {}
    assert second


def test_a_count_is_not_kept_when_the_quarter_changes_meanwhile(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    at = quarter_of(plant.clock.now - timedelta(hours=1))
    doomed, _ = plant.store(Part(at), Part(at + timedelta(minutes=1)))
    write = plant.database.write

    def delete_before_storing(work: Callable[[Session], bool]) -> "Future[bool]":
        monkeypatch.undo()
        now = plant.clock.now
        write(lambda s: inspections.delete_inspection(s, doomed, by=PLATFORM, now=now)).result(20)
        return write(work)

    monkeypatch.setattr(plant.database, "write", delete_before_storing)
    assert not plant.keeper.count_quarter(at)
    assert plant.statistics.statistics(WEEK).total_inspections == 1
    assert plant.keeper.count_quarter(at)
    plant.statistics.note_changed()
    assert plant.statistics.statistics(WEEK).total_inspections == 1


def test_a_quarter_waits_when_somebody_may_still_commit_an_inspection_of_it(plant: Plant) -> None:
    if plant.database.engine.dialect.name == "sqlite":
        pytest.skip("one writer at a time: nobody can be in the middle of it")
    at = datetime.now(UTC)  # PostgreSQL tells by its own clock when a transaction began
    plant.store(Part(at))
    with plant.database.engine.connect() as other, other.begin():
        other.execute(update(Inspection).values(confidence=0.5))
        assert not plant.keeper.count_quarter(quarter_of(at))
    assert plant.keeper.count_quarter(quarter_of(at))


async def test_a_quarter_is_counted_only_when_it_has_been_over_for_a_while(plant: Plant) -> None:
    start = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
    plant.store(Part(start + timedelta(minutes=3)))
    for now, counted in ((QUARTER, 0), (QUARTER + GRACE - timedelta(seconds=1), 0), (QUARTER + GRACE, 1)):
        plant.clock.now = start + now
        assert await plant.keeper.count_due() == counted


async def test_an_inspection_counts_when_the_clock_was_set_back(plant: Plant) -> None:
    now = plant.clock.now
    plant.store(Part(now - timedelta(hours=3)))
    assert await _tally(plant) == 1
    plant.clock.now = now - timedelta(hours=3)
    plant.store(Part(plant.clock.now), tallied=plant.statistics.tallied)
    plant.clock.now = now
    assert plant.statistics.statistics(WEEK).total_inspections == 2


async def test_nothing_is_tallied_in_advance_when_the_clock_runs_ahead(plant: Plant) -> None:
    now = plant.clock.now
    plant.store(Part(now - timedelta(minutes=50)))
    plant.clock.now = now + timedelta(days=3650)
    assert await _tally(plant) == 1
    plant.clock.now = now
    plant.store(Part(now - timedelta(minutes=1)), tallied=plant.statistics.tallied)
    assert plant.statistics.statistics(WEEK).total_inspections == 2


async def test_old_history_is_tallied_too_when_there_is_some(plant: Plant) -> None:
    ages_days = (1, 20, 21, 400)
    plant.store(*(Part(plant.clock.now - timedelta(days=age)) for age in ages_days))
    rounds = [await plant.keeper.count_due() for _ in range(6)]
    assert sum(rounds) == len(ages_days)
    everything = plant.statistics.between(plant.clock.now - timedelta(days=500), plant.clock.now, None)
    assert everything.total.total == len(ages_days)


async def test_labels_have_no_holes_when_hours_are_empty(plant: Plant) -> None:
    plant.store(Part(plant.clock.now - timedelta(hours=20)), Part(plant.clock.now - timedelta(hours=3), "fail"))
    berlin = plant.in_zone("Europe/Berlin")
    trends = berlin.trends(Scope(24), "hour")
    assert len(trends.labels) == 25
    assert trends.labels[0] == "2026-06-09 14:00:00"
    assert trends.labels[-1] == "2026-06-10 14:00:00"
    assert trends.total[trends.labels.index("2026-06-09 18:00:00")] == 1
    at = trends.labels.index("2026-06-10 11:00:00")
    assert (trends.failed[at], trends.pass_rate[at], trends.p_chart.p[at]) == (1, 0.0, 1.0)
    assert (trends.pass_rate[0], trends.avg_inspection_time_ms[0], trends.p_chart.p[0]) == (None, None, None)
    assert trends.p_chart.centre_line == 0.5


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
async def test_each_part_is_in_its_day_when_the_clock_was_changed(plant: Plant, day: str, hours: int) -> None:
    midnight = datetime.fromisoformat(f"{day}T00:00:00+01:00" if hours == 23 else f"{day}T00:00:00+02:00")
    minutes = range(-60, hours * 60 + 60, 20)
    plant.store(*(Part(midnight.astimezone(UTC) + timedelta(minutes=minute)) for minute in minutes))
    plant.clock.now = midnight.astimezone(UTC) + timedelta(hours=hours + 1)
    await _tally(plant)
    berlin = plant.in_zone("Europe/Berlin")
    by_day = berlin.trends(Scope(168), "day")
    assert by_day.total[by_day.labels.index(f"{day} 00:00:00")] == hours * 3
    by_hour = berlin.trends(Scope(168), "hour")
    assert [n for label, n in zip(by_hour.labels, by_hour.total, strict=True) if label.startswith(day)] == [3] * hours
    double = by_hour.labels.count(f"{day} 02:00:00")
    assert double == (0 if hours == 23 else 2)


def test_parts_are_listed_worst_first_when_asked(plant: Plant) -> None:
    at = plant.clock.now - timedelta(hours=2)
    plant.store(
        Part(at, "pass", part_id="good"),
        Part(at, "fail", part_id="bad"),
        Part(at + timedelta(minutes=1), "pass", part_id="bad", station_id="line-2"),
        Part(at, "uncertain", part_id="open"),
        Part(at, "fail"),
        Part(at - timedelta(days=8), "fail", part_id="good"),
    )
    page = plant.statistics.parts(WEEK, limit=2, offset=0)
    assert ([part.part_id for part in page.parts], page.total) == (["bad", "open"], 3)
    assert (page.parts[0].total, page.parts[0].pass_rate) == (2, 0.5)
    assert page.parts[0].last_at - page.parts[0].first_at == timedelta(minutes=1)
    rest = plant.statistics.parts(WEEK, limit=2, offset=2)
    assert [part.part_id for part in rest.parts] == ["good"]
    line_2 = plant.statistics.parts(Scope(168, "line-2"), limit=10, offset=0)
    assert [(part.part_id, part.passed) for part in line_2.parts] == [("bad", 1)]

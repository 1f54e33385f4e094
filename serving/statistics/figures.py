"""Counts as the wire wants them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from serving.statistics.counts import ByOverruling, Count, Defects
from serving.statistics.schemas import DefectClassOut, EffectiveOut, StationYield, StatisticsOut, VersionYield
from serving.statistics.scope import Scope
from serving.statistics.window import Window


def to_statistics(window: Window, scope: Scope, since: datetime, counted_at: datetime) -> StatisticsOut:
    """The figures of a window."""
    total = window.total
    by_version = _grouped((version, count) for (_, version), count in window.inspections.items())
    defects = defects_by_frequency(window)
    return StatisticsOut(
        total_inspections=total.total,
        passed=total.passed,
        failed=total.failed,
        uncertain=total.uncertain,
        pass_rate=total.pass_rate,
        avg_inspection_time_ms=_mean_ms(total),
        defect_breakdown={row.class_name: row.count for row in defects},
        hours=scope.hours,
        station_id=scope.station_id,
        since=since,
        counted_at=counted_at,
        first_pass_yield=total.first_pass_yield,
        first_inspections=total.first,
        by_model_version=[
            VersionYield(model_version=name, **_timed(count)) for name, count in sorted(by_version.items())
        ],
        by_station=yield_by_station(window),
        defects=defects,
        effective=_effective(total, window.overruled),
    )


def yield_by_station(window: Window) -> list[StationYield]:
    """What was inspected in a window, by station."""
    by_station = _grouped((station, count) for (station, _), count in window.inspections.items())
    return [StationYield(station_id=name, **_timed(count)) for name, count in sorted(by_station.items())]


def defects_by_frequency(window: Window) -> list[DefectClassOut]:
    """The classes of defects found in a window, the most frequent first."""
    by_class: dict[str, Defects] = {}
    for (_, class_name), some in window.defects.items():
        by_class.setdefault(class_name, Defects()).add(some)
    total = sum(some.count for some in by_class.values())
    rows: list[DefectClassOut] = []
    so_far = 0
    for class_name, some in sorted(by_class.items(), key=lambda item: (-item[1].count, item[0])):
        so_far += some.count
        rows.append(
            DefectClassOut(
                class_name=class_name,
                count=some.count,
                share=some.count / total,
                cumulative_share=so_far / total,
                area_mm2=round(some.area_mm2, 4) if some.measured else None,
                measured=some.measured,
            )
        )
    return rows


def yield_of(count: Count) -> dict[str, Any]:
    """The fields of `YieldOut`."""
    return {
        "total": count.total,
        "passed": count.passed,
        "failed": count.failed,
        "uncertain": count.uncertain,
        "pass_rate": count.pass_rate,
    }


def _effective(total: Count, overruled: ByOverruling) -> EffectiveOut:
    number = {"pass": total.passed, "fail": total.failed, "uncertain": total.uncertain}
    changed = 0
    for (decision, instead), count in overruled.items():
        if decision != instead:  # a person may have gone back to what the model said
            number[decision] -= count
            number[instead] += count
            changed += count
    held = Count(number["pass"], number["fail"], number["uncertain"])
    fields = {"passed": held.passed, "failed": held.failed, "uncertain": held.uncertain}
    return EffectiveOut(**fields, pass_rate=held.pass_rate, overruled=changed)


def _timed(count: Count) -> Mapping[str, Any]:
    return yield_of(count) | {"avg_inspection_time_ms": _mean_ms(count), "first_pass_yield": count.first_pass_yield}


def _mean_ms(count: Count) -> float:
    return round(count.mean_time_ms or 0.0, 2)


def _grouped(counts: Iterable[tuple[str, Count]]) -> dict[str, Count]:
    groups: dict[str, Count] = {}
    for name, count in counts:
        groups.setdefault(name, Count()).add(count)
    return groups

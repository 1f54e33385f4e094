"""What one look into the data brought, with what it was looked for by."""

from dataclasses import dataclass, field
from typing import Any

from serving.statistics.counts import Count


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one tool.

    Attributes:
        tool: Its name.
        filters: What was looked for, as it was resolved: station, period and so on. JSON.
        values: What was found. JSON; shares end in `_percent`, times are local and read `2024-01-15 08:00`.
        inspection_ids: The inspections that are shown one by one.
        picture: A picture that belongs to it, as JPEG.
    """

    tool: str
    filters: dict[str, Any]
    values: dict[str, Any]
    inspection_ids: tuple[str, ...] = ()
    picture: bytes | None = field(default=None, repr=False)


def count_values(count: Count) -> dict[str, Any]:
    """How some inspections ended, in numbers and per cent."""
    return {
        "inspections": count.total,
        "passed": count.passed,
        "failed": count.failed,
        "uncertain": count.uncertain,
        "pass_rate_percent": percent(count.passed, count.total),
        "fail_rate_percent": percent(count.failed, count.total),
        "uncertain_rate_percent": percent(count.uncertain, count.total),
        "first_pass_yield_percent": percent(count.first_passed, count.first),
        "mean_time_ms": None if count.mean_time_ms is None else round(count.mean_time_ms, 1),
    }


def percent(part: int, whole: int) -> float | None:
    """A share in per cent, None of nothing."""
    return round(100.0 * part / whole, 2) if whole else None

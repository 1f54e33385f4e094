"""The columns of an export, one row per inspection."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Kind = Literal["text", "integer", "number", "time", "local time"]
Cell = str | int | float | datetime | None
Row = Sequence[Cell]


@dataclass(frozen=True, slots=True)
class FoundDefect:
    """One detection, as far as an export tells of it."""

    inspection_id: str
    class_name: str
    area_px: float
    area_mm2: float | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: As the header has it.
        kind: What its cells hold. `time` is UTC, `local time` is without offset on the plant's clock.
    """

    name: str
    kind: Kind


COLUMNS: Final = (
    Column("id", "text"),
    Column("created_at", "time"),
    Column("created_at_local", "local time"),
    Column("station_id", "text"),
    Column("part_id", "text"),
    Column("decision", "text"),
    Column("confidence", "number"),
    Column("objects_found", "integer"),
    Column("defects", "text"),
    Column("defect_area_mm2", "number"),
    Column("total_time_ms", "number"),
    Column("source", "text"),
    Column("model_name", "text"),
    Column("model_version", "text"),
    Column("backend", "text"),
    Column("recipe_digest", "text"),
    Column("width_px", "integer"),
    Column("height_px", "integer"),
    Column("image_sha256", "text"),
    Column("image_path", "text"),
    Column("picture_deleted_at", "time"),
    Column("hold_reason", "text"),
    Column("requested_by", "text"),
    Column("overruled_to", "text"),
    Column("overrule_reason", "text"),
    Column("overruled_by", "text"),
    Column("overruled_at", "time"),
    Column("effective_decision", "text"),
)
_MADE: Final = {"created_at_local", "defects", "defect_area_mm2", "effective_decision"}
STORED: Final = tuple(column.name for column in COLUMNS if column.name not in _MADE)
"""Those that are columns of the table as well."""


def rows_of(
    inspections: Iterable[Mapping[str, Any]], defects: Mapping[str, Sequence[FoundDefect]], zone: ZoneInfo
) -> list[Row]:
    """The rows of some inspections.

    Args:
        inspections: Their values by `STORED` column.
        defects: What was found, by inspection id.
        zone: The plant's time zone.
    """
    makers = _makers(defects, zone)
    return [[make(values) for make in makers] for values in inspections]


def summary_of(found: Sequence[FoundDefect]) -> str:
    """What was found in one text: `dent x1 (3.2 mm²); scratch x2 (140 px²)`, by class."""
    classes: dict[str, list[FoundDefect]] = {}
    for defect in found:
        classes.setdefault(defect.class_name, []).append(defect)
    return "; ".join(f"{name} x{len(some)} ({_area(some)})" for name, some in sorted(classes.items()))


def _area(found: Sequence[FoundDefect]) -> str:
    measured = [defect.area_mm2 for defect in found if defect.area_mm2 is not None]
    if len(measured) == len(found):
        return f"{sum(measured):.4g} mm²"
    return f"{sum(defect.area_px for defect in found):.0f} px²"


def _total_mm2(found: Sequence[FoundDefect]) -> float | None:
    """Area of everything found; None where some of it could not be measured."""
    measured = [defect.area_mm2 for defect in found if defect.area_mm2 is not None]
    return round(sum(measured), 4) if len(measured) == len(found) else None


def _makers(defects: Mapping[str, Sequence[FoundDefect]], zone: ZoneInfo) -> list[Callable[[Mapping[str, Any]], Cell]]:
    made: dict[str, Callable[[Mapping[str, Any]], Cell]] = {
        "created_at_local": lambda values: values["created_at"].astimezone(zone).replace(tzinfo=None),
        "defects": lambda values: summary_of(defects.get(values["id"], ())),
        "defect_area_mm2": lambda values: _total_mm2(defects.get(values["id"], ())),
        "effective_decision": lambda values: values["overruled_to"] or values["decision"],
    }
    return [made.get(column.name) or _stored(column.name) for column in COLUMNS]


def _stored(name: str) -> Callable[[Mapping[str, Any]], Cell]:
    def read(values: Mapping[str, Any]) -> Cell:
        cell: Cell = values[name]
        return cell

    return read

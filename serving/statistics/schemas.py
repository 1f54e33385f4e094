"""What figures and trends look like on the wire."""

from datetime import datetime

from pydantic import BaseModel

from serving.statistics.buckets import Interval


class YieldOut(BaseModel):
    """How some inspections ended."""

    total: int
    passed: int
    failed: int
    uncertain: int
    pass_rate: float
    """Share of *pass*, 0 to 1; 0 where nothing was inspected."""


class VersionYield(YieldOut):
    """Inspections by one version of the model."""

    model_version: str
    avg_inspection_time_ms: float
    first_pass_yield: float | None


class StationYield(YieldOut):
    """Inspections at one station."""

    station_id: str
    avg_inspection_time_ms: float
    first_pass_yield: float | None


class DefectClassOut(BaseModel):
    """The defects of one class, as a Pareto chart needs them."""

    class_name: str
    count: int
    share: float
    """Of all defects, 0 to 1."""
    cumulative_share: float
    """Of this class and the more frequent ones."""
    area_mm2: float | None
    """Of those with an area in mm² together; None where none has one."""
    measured: int
    """Number of those."""


class EffectiveOut(BaseModel):
    """How the inspections ended by the verdict that holds: a person's where one overruled it, else the model's."""

    passed: int
    failed: int
    uncertain: int
    pass_rate: float
    """Share of *pass*, 0 to 1; 0 where nothing was inspected."""
    overruled: int
    """Number of those where a person said something else than the model."""


class StatisticsOut(BaseModel):
    """Figures of the last hours."""

    total_inspections: int
    passed: int
    failed: int
    uncertain: int
    pass_rate: float
    """Share of *pass*, 0 to 1; 0 where nothing was inspected."""
    avg_inspection_time_ms: float
    """Mean of `total_time_ms`; 0 where nothing was inspected."""
    defect_breakdown: dict[str, int]
    """Number of defects by class, the most frequent first."""
    hours: int
    station_id: str | None
    since: datetime
    """Beginning of the window."""
    counted_at: datetime
    """End of the window: when these figures were counted."""
    first_pass_yield: float | None
    """Share of *pass* among the first inspections of each part at its station; None without any. A part without an id
    counts as inspected for the first time."""
    first_inspections: int
    by_model_version: list[VersionYield]
    by_station: list[StationYield]
    defects: list[DefectClassOut]
    effective: EffectiveOut
    """By the verdicts that hold; every other figure here is of the model's own verdicts."""


class ShiftOut(BaseModel):
    """The shift that goes on now, as far as it is counted."""

    started_at: datetime
    ends_at: datetime
    counted_at: datetime
    by_station: list[StationYield]


class PChartOut(BaseModel):
    """Share of failed parts per bucket with its control limits (3 sigma); null where nothing was inspected."""

    p: list[float | None]
    n: list[int]
    centre_line: float | None
    lower_limit: list[float | None]
    upper_limit: list[float | None]


class TrendsOut(BaseModel):
    """Figures per hour or day; every list has one value per label, and there are no holes."""

    labels: list[str]
    """Beginning of each bucket in the plant's time zone."""
    total: list[int]
    passed: list[int]
    failed: list[int]
    uncertain: list[int]
    pass_rate: list[float | None]
    """Share of *pass*; null where nothing was inspected."""
    first_pass_yield: list[float | None]
    avg_inspection_time_ms: list[float | None]
    starts_at: list[datetime]
    """Beginning of each bucket, UTC: unique also where the clock goes back."""
    interval: Interval
    timezone: str
    hours: int
    station_id: str | None
    p_chart: PChartOut


class PartYield(YieldOut):
    """The inspections of one part."""

    part_id: str
    first_at: datetime
    last_at: datetime


class PartList(BaseModel):
    """One page of parts, those with most failed inspections first."""

    parts: list[PartYield]
    total: int
    """Number of different parts, on all pages."""
    limit: int
    offset: int
    hours: int
    station_id: str | None

"""The rules after which alerts are raised by themselves, and the values that an engineer may change."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.stations.schemas import STATION_ID_PATTERN

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
WindowMinutes = Annotated[int, Field(ge=1, le=1440)]
LeastParts = Annotated[int, Field(ge=5, le=5000)]
TaktSeconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
SubgroupParts = Annotated[int, Field(ge=20, le=600)]
DeadlineMs = Annotated[float, Field(ge=0, le=300_000, allow_inf_nan=False)]
DriftIndex = Annotated[float, Field(ge=0.05, le=5, allow_inf_nan=False)]
DriftParts = Annotated[int, Field(ge=200, le=2000)]
StationId = Annotated[str, Field(pattern=STATION_ID_PATTERN)]


class RuleValues(BaseModel):
    """What holds at one station."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    pass_rate_target_percent: Percent = 90.0
    """Share of *pass* in per cent below which an alert is raised; 0 raises none."""
    alert_window_min: WindowMinutes = 60
    """Minutes over which pass rate and cycle time are taken."""
    alert_least_parts: LeastParts = 50
    """With fewer parts in the window, pass rate and cycle time are not judged."""
    takt_s: TaktSeconds = 0.0
    """Takt in seconds; an alert is raised when cycle time or inspection time is above it. 0 raises none."""
    deadline_ms: DeadlineMs = 0.0
    """Milliseconds in which a part has its verdict; past them it gets an error, and there is an alert. 0 sets none."""
    control_chart: bool = True
    """Whether the p-chart is watched by the Western Electric rules."""
    control_chart_parts: SubgroupParts = 50
    """Parts in a subgroup of the p-chart; more are taken where the share of rejects needs it."""
    drift: bool = True
    """Whether scores and classes are compared with those of the parts before."""
    drift_psi: DriftIndex = 0.25
    """Population stability index from which on an alert is raised."""
    drift_parts: DriftParts = 500
    """Newest parts that are compared with four times as many before them."""


class StationRules(BaseModel):
    """What holds differently at one station; what is left out is as everywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    pass_rate_target_percent: Percent | None = None
    alert_window_min: WindowMinutes | None = None
    alert_least_parts: LeastParts | None = None
    takt_s: TaktSeconds | None = None
    deadline_ms: DeadlineMs | None = None
    control_chart: bool | None = None
    control_chart_parts: SubgroupParts | None = None
    drift: bool | None = None
    drift_psi: DriftIndex | None = None
    drift_parts: DriftParts | None = None


class AlertRules(RuleValues):
    """What holds everywhere, and what holds differently where."""

    station_rules: Annotated[dict[StationId, StationRules], Field(max_length=1000)] = {}
    """By station, the rules that differ there."""

    def deadline_ms_at(self, station_id: str) -> float:
        """The deadline at a station, 0 where there is none. Asked for each part, so it makes no copy."""
        differing = self.station_rules.get(station_id)
        own = differing.deadline_ms if differing else None
        return self.deadline_ms if own is None else own

    def at(self, station_id: str) -> RuleValues:
        """What holds at a station."""
        values = self.model_dump(include=set(RuleValues.model_fields))
        differing = self.station_rules.get(station_id)
        if differing is not None:
            values |= differing.model_dump(exclude_none=True)
        return RuleValues.model_validate(values)

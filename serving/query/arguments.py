"""What the tools may be asked: checked here, whoever asks. Unknown arguments are refused."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.alerts.schemas import Severity
from serving.inspections.schemas import Decision
from serving.query.period import FORMS, PeriodName
from serving.statistics.buckets import Interval

MOST_ROWS = 20
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]
Period = Annotated[PeriodName, Field(description=f"One of: {FORMS}. On the plant's clock")]
StationName = Annotated[_Name | None, Field(description="Id, name or number of one station; all if left out")]
ClassName = Annotated[_Name | None, Field(description="One class of defects; all if left out")]
Rows = Annotated[int, Field(ge=1, le=MOST_ROWS, description="Rows at most")]


class Arguments(BaseModel):
    """Arguments of a tool."""

    model_config = ConfigDict(extra="forbid")


class CountInspections(Arguments):
    """How many inspections there were and how they ended: passed, failed, uncertain, rates, mean time."""

    period: Period
    station: StationName = None


class CountDefects(Arguments):
    """How many defects were found, by class. One inspection may have several defects."""

    period: Period
    station: StationName = None
    defect_class: ClassName = None


class BreakDown(Arguments):
    """The inspections of a period, divided by station, by version of the model or by part (worst parts first)."""

    period: Period
    by: Literal["station", "model_version", "part"]
    station: StationName = None


class Compare(Arguments):
    """Two periods or two stations beside each other, with the differences (second minus first)."""

    first_period: Period
    second_period: Period
    first_station: StationName = None
    second_station: StationName = None


class Trend(Arguments):
    """The inspections of a period, hour by hour (at most 3 days) or day by day (at most 92 days)."""

    period: Period
    interval: Interval = "day"
    station: StationName = None


class ListInspections(Arguments):
    """Single inspections, newest first, with part, verdict and defects, and how many fit in all."""

    period: Period
    station: StationName = None
    decision: Decision | None = None
    defect_class: ClassName = None
    limit: Rows = 10


class LookAtPicture(Arguments):
    """The picture of one inspection that `list_inspections` has shown, made smaller, with its defects."""

    inspection_id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class ListAlerts(Arguments):
    """Alerts, newest first, and how many there are in all."""

    severity: Severity | None = None
    only_open: bool = True
    limit: Rows = 10


class ListModelVersions(Arguments):
    """The versions of the model, newest first, and which of them inspects now."""

    limit: Rows = 10


class ListStations(Arguments):
    """The stations by id and name."""

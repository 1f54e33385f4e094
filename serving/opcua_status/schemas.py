"""What the OPC UA process and the API tell each other, and what people see of it."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.inspections.schemas import InspectionOut
from serving.moments import Moment
from serving.strict import Flag, Whole

BUCKET_S = 10
"""Length of the buckets in which the last hour is told; what it counts is right to that."""


class Heartbeat(BaseModel):
    """What the OPC UA process says of itself, every second."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    endpoint: Annotated[str, Field(max_length=300)]
    nodes: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=1100)]
    """Node ids of the stations and of the status, without the namespace."""
    station_count: Annotated[int, Field(strict=True, ge=0), Whole]
    sessions: Annotated[int, Field(strict=True, ge=0), Whole]
    subscriptions: Annotated[int, Field(strict=True, ge=0), Whole]
    insecure: Flag
    """Whether clients without a certificate may read."""
    machine_vision: Flag
    """Whether the stations are also vision systems as OPC 40100-1 has them."""
    certificate_expires_at: Moment
    last_seq: Annotated[int, Field(strict=True, ge=0), Whole]
    """The last event that its nodes show."""


class PlatformState(BaseModel):
    """The answer to a heartbeat: whether what the nodes show can be trusted."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    problem: str | None
    """Why no picture can be inspected now, None where it can."""
    camera_problem: str | None
    """The open alert of the camera, None without one."""


class OpcUaStatus(BaseModel):
    """The state of the OPC UA server."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    enabled: bool
    running: bool
    """Whether its process was heard of in the last seconds."""
    endpoint: str
    station_count: int
    """Stations that it shows; 0 while it does not run."""
    nodes: list[str]
    """What it shows; empty while it does not run."""
    sessions: int
    subscriptions: int
    insecure: bool
    machine_vision: bool
    certificate_expires_at: datetime | None
    last_seq: int | None
    last_heard_at: datetime | None


class StationSnapshot(BaseModel):
    """A station as the database has it."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    station_id: str
    name: str
    passed: int
    """Of all time, as `failed` and `uncertain`."""
    failed: int
    uncertain: int
    last: InspectionOut | None
    last_hour: list[tuple[int, int, int]]
    """Number of the bucket (seconds since 1970 divided by its length), passed parts, all parts; empty ones left out."""


class Snapshot(BaseModel):
    """Where to begin to follow the events from: nothing is counted twice and nothing is left out."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int
    """Follow the events after this number."""
    ahead: list[str]
    """Inspections of later events that these figures hold already."""
    stations: list[StationSnapshot]


class ResultList(BaseModel):
    """Stored inspections of a station in the order of their times."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    results: list[InspectionOut]
    has_more: bool
    """Whether there are more in the same span."""

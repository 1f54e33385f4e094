"""API keys as they travel over the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from serving.moments import Moment
from serving.stations.schemas import STATION_ID_PATTERN
from serving.users.schemas import Role


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("control characters are not allowed")
    return value


StationIds = Annotated[
    list[Annotated[str, StringConstraints(pattern=STATION_ID_PATTERN)]], Field(min_length=1, max_length=1000)
]


class ApiKeyIn(BaseModel):
    """A new key."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True), AfterValidator(_printable)
    ]
    """What it is for, like `line 3 PLC`; inspections and the audit log name it."""
    role: Role = "operator"
    stations: StationIds | None = None
    """The only stations that it may use; null for all. A key with stations reaches nothing that is not of a station."""
    rate_limit: Annotated[str | None, StringConstraints(pattern=r"^[1-9][0-9]{0,5}/(second|minute|hour)$")] = None
    """Requests that it may send, like `600/minute`; null for what every user may."""
    expires_at: Moment | None = None
    """From when on it is worthless; null for never."""


class ApiKeyOut(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(from_attributes=True, use_attribute_docstrings=True)

    id: str
    name: str
    prefix: str
    """How its secret begins."""
    role: Role
    stations: list[str] | None
    rate_limit: str | None
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    """To a minute."""
    revoked_at: datetime | None
    revoked_by: str | None


class ApiKeyCreated(ApiKeyOut):
    """A new key with its secret, which is shown this once."""

    key: str


class ApiKeyList(BaseModel):
    """API keys, newest first."""

    api_keys: list[ApiKeyOut]
    total: int


class ApiKeyRevoked(BaseModel):
    """Which key is worthless from now on."""

    status: Literal["revoked"] = "revoked"
    id: str

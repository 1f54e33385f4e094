"""What the health answer says."""

from typing import Literal

from pydantic import BaseModel


class ModelHealth(BaseModel):
    """The model that inspects."""

    name: str
    version: str
    backend: str


class StorageHealth(BaseModel):
    """Where verdicts and pictures go."""

    available: bool
    free_bytes: int
    writes_waiting: int


class Health(BaseModel):
    """`healthy` means: a picture sent now gets a verdict that is kept."""

    status: Literal["healthy", "unhealthy"]
    version: str
    model: ModelHealth | None
    storage: StorageHealth
    uptime_s: float

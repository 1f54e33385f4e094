"""What model versions look like on the wire."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

VersionStatus = Literal["deployed", "candidate", "previous", "archived"]


class ModelVersionOut(BaseModel):
    """One version of the model."""

    id: str
    """Its version in the registry."""
    name: str
    version: str
    status: VersionStatus
    """What its aliases say; `archived` without any of them."""
    aliases: list[str]
    active: bool
    """Whether this very process inspects with it; differs from `deployed` while a swap is under way."""
    created_at: datetime | None
    """None while the registry is away."""
    bundle_version: str | None
    """What the bundle calls itself."""
    bundle_digest: str | None
    dataset_digest: str | None
    base_version: str | None
    """The version from whose weights it was trained."""
    git_commit: str | None
    run_id: str | None
    mlflow_url: str
    """The page of this version in the MLflow UI."""
    metrics: dict[str, float]


class ModelList(BaseModel):
    """Every version, newest first."""

    models: list[ModelVersionOut]
    registry: Literal["available", "unavailable"]
    """`unavailable`: MLflow does not answer, and only the versions that this machine holds are listed."""


class SwitchOut(BaseModel):
    """What is in use now."""

    status: Literal["deployed", "rolled_back"]
    id: str
    version: str
    previous_version: str | None
    """What was in use before; None where that had no version in the registry."""
    registry: Literal["updated", "pending"]
    """`pending`: MLflow does not answer; its aliases follow as soon as it does."""

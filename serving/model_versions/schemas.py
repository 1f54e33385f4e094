"""What model versions look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

VersionStatus = Literal["deployed", "candidate", "previous", "archived"]
GateOutcome = Literal["passed", "blocked", "overridden"]
OverrideReason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=1000)]


class DeployIn(BaseModel):
    """A person's word for a version that the gate does not speak for."""

    model_config = ConfigDict(extra="forbid")

    override_reason: OverrideReason | None = None


class ModelVersionOut(BaseModel):
    """One version of the model."""

    id: str
    """Its version in the registry; `bundle-…` for a model in use that the registry has not seen."""
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
    gate: GateOutcome | None = None
    """What the gate said of it; None where it was never asked."""
    gate_reasons: str = ""
    """What spoke against it then."""
    gate_reason_codes: list[str] = []
    """The same for those who say it in another language; the figures are in the gate's report."""
    deployed_at: datetime | None = None
    """When it was put to use last; None where it never was, or before this was noted."""


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

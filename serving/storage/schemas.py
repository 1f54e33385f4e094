"""Storage and retention as they travel over the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.strict import Flag, Whole

PassState = Literal["running", "finished", "refused", "dry_run", "superseded"]
MOST_AT_ONCE = 500


class PartUsage(BaseModel):
    """What one kind of data takes."""

    bytes: int
    files: int


class Breakdown(BaseModel):
    """What the platform's data take, by kind."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    pictures: PartUsage
    """Originals of inspections and of data sets, as the database knows them."""
    database: PartUsage
    wal: PartUsage
    """The database's write-ahead log; empty on PostgreSQL, which keeps its own."""
    bundles: PartUsage
    """Verified model versions."""
    models: PartUsage
    """Networks that may be loaded beside the deployed model."""
    mlflow: PartUsage
    prefect: PartUsage
    datasets: PartUsage
    """Data sets as folders, which trainings read, and imports under way."""
    inbox: PartUsage
    """Pictures that wait for batch jobs."""
    logs: PartUsage
    set_aside: PartUsage
    """Half-written files and pictures without a record, found after a crash."""


class PolicyOut(BaseModel):
    """How long pictures are kept."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    pass_days: int
    """0: for ever, like the next two."""
    uncertain_days: int
    fail_days: int
    last_failures: int
    """So many newest failures of each station stay, however old they are."""
    free_target_percent: float
    space_min_days: int


class PlannedOut(BaseModel):
    """What a pass wants to delete of one decision."""

    pictures: int
    bytes: int


class PassOut(BaseModel):
    """One pass of retention."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    state: PassState
    """`refused`: it would delete too much at once; nothing was deleted. `superseded`: a later pass took over."""
    reason: str | None
    """Why it was refused."""
    allow_more: bool
    policy: PolicyOut
    cutoffs: dict[str, datetime]
    """By decision, the moment before which pictures go."""
    stored: int
    """Pictures of inspections when it began."""
    stored_bytes: int
    planned: int
    planned_bytes: int
    planned_by_decision: dict[str, PlannedOut]
    deleted: int
    deleted_bytes: int
    """Bytes of files that are gone for good."""
    failed: int
    """Files that could not be removed; the next pass tries again."""
    started_by: str
    started_at: datetime
    finished_at: datetime | None


class UsageOut(BaseModel):
    """What is on the disk."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    total_bytes: int
    """Of the disk that holds the pictures."""
    used_bytes: int
    """By everything on it, also what is not the platform's."""
    free_bytes: int
    free_percent: float
    is_low: bool
    """Whether less is free than `STORAGE_ALARM_FREE_PERCENT`."""
    reserve_bytes: int
    """What no picture may take."""
    breakdown: Breakdown
    measured_at: datetime
    """When the breakdown was counted; the disk is asked each time."""
    policy: PolicyOut
    last_cleanup: PassOut | None
    """The newest pass that was no dry run."""


class RetentionIn(BaseModel):
    """How to begin a pass."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    allow_more: Flag = False
    """Whether it may delete more than 5 % of the stored pictures."""
    dry_run: Flag = False
    """Count only."""


class ChunkIn(BaseModel):
    """How much to delete in one go."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(strict=True, ge=1, le=MOST_AT_ONCE), Whole] = 200


class CleanupOut(BaseModel):
    """The retention run that was started."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Literal["started"] = "started"
    job_id: str
    """Prefect's id of the run."""
    state: str
    """The run's state in Prefect's words."""
    allow_more: bool
    dry_run: bool
    url: str
    """The run in Prefect's own pages."""

"""Batch jobs as they travel over the wire."""

from datetime import datetime
from pathlib import PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from serving.stations.schemas import STATION_ID_PATTERN
from serving.strict import Whole

JobStatus = Literal["pending", "running", "completed", "failed", "cancelled"]
MOST_ERRORS: Final = 100
_KEY_HEX: Final = 40  # of a SHA-256; 160 bits never meet by accident


def _plain_glob(value: str) -> str:
    if value.startswith("/") or "\\" in value or ".." in PurePosixPath(value).parts or not value.isprintable():
        raise ValueError("must be a plain pattern of file names below the folder, like *.jpg")
    return value


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("control characters are not allowed")
    return value


FilePattern = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(_plain_glob)]


def key_prefix(job_id: str) -> str:
    """What the idempotency keys of a job's inspections begin with."""
    return f"batch:{job_id}:"


def picture_key(job_id: str, digest: str) -> str:
    """The idempotency key of one picture of a job.

    Args:
        job_id: The job.
        digest: SHA-256, in hex, of the picture's relative path and content.
    """
    return key_prefix(job_id) + digest[:_KEY_HEX]


class BatchJobIn(BaseModel):
    """What to inspect."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: Annotated[
        str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True), AfterValidator(_printable)
    ]
    input_dir: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    """Folder on the platform's machine, under one of `BATCH_ROOTS`; a relative path is taken from the first of them."""
    file_pattern: FilePattern = "*"
    """File names, as a shell would match them; `**/*.jpg` looks into sub-folders."""
    station_id: Annotated[str, StringConstraints(pattern=STATION_ID_PATTERN)] = "default"
    """Whose recipe decides."""


class PictureError(BaseModel):
    """A picture that got no verdict."""

    file: Annotated[str, StringConstraints(max_length=1024)]
    problem: Annotated[str, StringConstraints(max_length=500)]


class DecisionCounts(BaseModel):
    """Stored inspections of a job."""

    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    passed: Annotated[int, Field(alias="pass")] = 0
    fail: int = 0
    uncertain: int = 0


class BatchJobOut(BaseModel):
    """A batch job and how far it is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    name: str
    input_dir: str
    file_pattern: str
    station_id: str
    status: JobStatus
    progress: float
    """Per cent, 0 to 100."""
    total: int | None
    """Pictures, null before they were listed."""
    processed: int
    """Pictures that are done: with a verdict, or failed."""
    failed: int
    """Pictures without a verdict."""
    decisions: DecisionCounts
    errors: list[PictureError]
    """The first failed pictures."""
    error: str | None
    """Why the job failed."""
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    flow_run_id: str | None
    flow_state: str | None
    """The run's state in Prefect's words, as last seen."""
    flow_run_url: str | None
    """The run in Prefect's own pages."""
    is_current: bool
    """False while Prefect does not answer: the state is as last seen."""


class BatchJobList(BaseModel):
    """Batch jobs, newest first."""

    jobs: list[BatchJobOut]
    total: int


class BatchReport(BaseModel):
    """What the flow says of its own progress."""

    model_config = ConfigDict(extra="forbid")

    total: Annotated[int, Field(strict=True, ge=0), Whole]
    failed: Annotated[int, Field(strict=True, ge=0), Whole]
    errors: Annotated[list[PictureError], Field(max_length=MOST_ERRORS)] = []

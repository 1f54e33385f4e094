"""Batch jobs: folders of pictures to inspect."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class BatchJob(SQLModel, table=True):
    """One batch job. Prefect owns its run; the state here is what Prefect last said."""

    __tablename__ = "batch_jobs"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=120)
    input_dir: str = Field(max_length=1024)  # links are followed
    file_pattern: str = Field(max_length=128)
    station_id: str = Field(max_length=64)
    status: str = Field(index=True, max_length=16)  # pending | running | completed | failed | cancelled
    attempts: int = 0  # flow runs so far: one, and one more each time it is taken up again
    flow_run_id: str | None = Field(default=None, max_length=36)
    flow_state: str | None = Field(default=None, max_length=64)
    total: int | None = None  # pictures, None before they were listed
    failed: int = 0  # pictures without a verdict
    errors: list[Any] = Field(sa_column=Column(JSON, nullable=False))  # [{"file": …, "problem": …}], the first ones
    decisions: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))  # once it has ended
    error: str | None = Field(default=None, max_length=2000)  # why it failed
    created_at: datetime = Field(index=True)
    created_by: str = Field(max_length=64)
    started_at: datetime | None = None
    finished_at: datetime | None = None

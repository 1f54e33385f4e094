"""Retention: what each pass deleted, and which files a pass has still to remove."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, BigInteger, Column, Field, SQLModel


class RetentionPass(SQLModel, table=True):
    """One pass over the stored pictures. Its limits are fixed when it begins."""

    __tablename__ = "retention_passes"

    id: str = Field(primary_key=True, max_length=36)
    state: str = Field(index=True, max_length=16)  # running | finished | refused | dry_run | superseded
    allow_more: bool
    policy: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # {decision: moment in ISO 8601}: what is older goes; a decision without one is kept for ever.
    cutoffs: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    stored: int  # pictures when it began
    stored_bytes: int = Field(sa_type=BigInteger)
    planned: int  # pictures to delete
    planned_bytes: int = Field(sa_type=BigInteger)
    planned_by_decision: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    deleted: int = 0
    deleted_bytes: int = Field(default=0, sa_type=BigInteger)
    failed: int = 0  # files that could not be removed; the next pass tries again
    position: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON, nullable=True))
    reason: str | None = Field(default=None, max_length=500)  # why it was refused
    started_by: str = Field(max_length=64)
    started_at: datetime = Field(index=True)
    finished_at: datetime | None = None


class PictureRemoval(SQLModel, table=True):
    """A file whose row says already that its picture is deleted. The entry goes when the file has gone."""

    __tablename__ = "picture_removals"

    image_path: str = Field(primary_key=True, max_length=255)  # below the media folder
    created_at: datetime

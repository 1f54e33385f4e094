"""Revisions of the configuration: who changed what, and when."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class ConfigRevision(SQLModel, table=True):
    """One change of what may be changed at run time. The newest one holds; before the first, the settings do."""

    __tablename__ = "config_revisions"

    version: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    created_at: datetime
    changed_by: str = Field(max_length=64)
    # What differs from the settings after the change, as a whole.
    overrides: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    # What held before and after, of the keys that were changed.
    before: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    after: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    reverted_to: int | None = None

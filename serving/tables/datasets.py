"""Data sets: pictures with their labels as they were at one moment, and the imports that brought some of them."""

from datetime import datetime
from typing import Any

from sqlmodel import JSON, Column, Field, SQLModel


class Dataset(SQLModel, table=True):
    """A frozen set of labelled pictures. Equal digests mean equal contents."""

    __tablename__ = "datasets"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=120)
    digest: str | None = Field(default=None, unique=True, max_length=64)  # None while it is being filled
    class_names: list[str] = Field(sa_column=Column(JSON, nullable=False))  # in the order of their numbers
    counts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    created_at: datetime
    created_by: str = Field(max_length=64)


class DatasetPicture(SQLModel, table=True):
    """One picture of a data set, with a copy of its labels that later corrections do not change."""

    __tablename__ = "dataset_pictures"

    dataset_id: str = Field(primary_key=True, foreign_key="datasets.id", ondelete="CASCADE", max_length=36)
    item_id: str = Field(primary_key=True, foreign_key="review_items.id", index=True, ondelete="CASCADE", max_length=36)
    name: str = Field(max_length=160)
    # [{"class_name": …, "box_xyxy": [x1, y1, x2, y2], "rings": [[[x, y], …], …]}]
    labels: list[Any] = Field(sa_column=Column(JSON, nullable=False))


class DatasetImport(SQLModel, table=True):
    """One import, running or done."""

    __tablename__ = "dataset_imports"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=120)
    state: str = Field(index=True, max_length=16)  # running | finished | failed
    format: str | None = Field(default=None, max_length=16)
    dataset_id: str | None = Field(default=None, max_length=36)
    counts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    errors: list[Any] = Field(sa_column=Column(JSON, nullable=False))  # [{"file": …, "problem": …}]
    detail: str | None = Field(default=None, max_length=500)  # why it failed
    created_at: datetime
    created_by: str = Field(max_length=64)
    finished_at: datetime | None = None

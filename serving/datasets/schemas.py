"""What data sets look like on the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from serving.datasets.reading import Format

Unlabelled = Literal["skip", "queue", "good"]
Name = Annotated[str, Field(min_length=1, max_length=120)]


class ImportOptions(BaseModel):
    """How to read an import. Form fields beside `file`, or members of a JSON body beside `folder`."""

    model_config = ConfigDict(extra="forbid")

    format: Format | None = None
    """Found out if left out."""
    name: Name | None = None
    unlabelled: Unlabelled = "skip"
    """Pictures that no label file speaks of: leave them out, put them into the review queue, or take them as good
    parts. Those that COCO lists without annotations, and empty YOLO label files, are good parts in any case."""


class FolderImport(ImportOptions):
    """Import of a folder on the machine of the API, under `DATASET_ROOTS`."""

    folder: Annotated[str, Field(min_length=1, max_length=4096)]


class ImportCounts(BaseModel):
    """How far an import is."""

    total: int = 0
    """Pictures found."""
    done: int = 0
    added: int = 0
    """New pictures, and pictures whose first label this is."""
    present: int = 0
    """Pictures that were there with a label already; it stays."""
    good_parts: int = 0
    annotations: int = 0
    queued: int = 0
    """Unlabelled, now in the review queue."""
    errors: int = 0


class FileProblem(BaseModel):
    """One file that was left out, or taken with a remark."""

    file: str
    problem: str


class ImportOut(BaseModel):
    """One import."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    state: Literal["running", "finished", "failed"]
    format: str | None
    dataset_id: str | None
    counts: ImportCounts
    errors: list[FileProblem]
    """The first hundred."""
    detail: str | None
    """Why it failed."""
    created_at: datetime
    finished_at: datetime | None


class FreezeIn(BaseModel):
    """Makes a data set of everything labelled so far."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class TrainedIn(BaseModel):
    """Says that a version of the model has learned from a data set."""

    model_config = ConfigDict(extra="forbid")

    model_version: Annotated[str, Field(min_length=1, max_length=64)]


class DatasetCounts(BaseModel):
    """What a data set holds."""

    pictures: int = 0
    good_parts: int = 0
    annotations: int = 0
    per_class: dict[str, int] = {}


class DatasetOut(BaseModel):
    """One frozen data set."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    digest: str
    """SHA-256 over contents and labels: equal digests mean equal data."""
    class_names: list[str]
    counts: DatasetCounts
    created_at: datetime
    created_by: str


class DatasetList(BaseModel):
    """Every data set, newest first."""

    datasets: list[DatasetOut]


class TrainedOut(BaseModel):
    """How many pictures count as trained now."""

    trained: int

"""Training as it travels over the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.strict import Number, Whole

TrainingState = Literal["idle", "queued", "running", "stopping", "completed", "failed", "cancelled"]
Recipe = Literal["auto", "surface", "few-pictures"]


class TrainingIn(BaseModel):
    """How to train."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    epochs: Annotated[int, Field(strict=True, ge=1, le=1000), Whole] = 20
    batch_size: Annotated[int, Field(strict=True, ge=1, le=256), Whole] = 8
    learning_rate: Annotated[Number, Field(gt=0.0, le=0.1)] = 0.001
    model_name: Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9][A-Za-z0-9._+-]{0,63})?$")] = ""
    recipe: Annotated[
        Recipe,
        Field(
            description="Which network learns: `surface` judges every pixel and needs the fewest pictures, "
            "`few-pictures` finds boxes; `auto` goes on with the kind of the deployed version if that knows half of "
            "the labelled classes, and is `surface` otherwise."
        ),
    ] = "auto"


class TrainingLinks(BaseModel):
    """Where a person can watch."""

    prefect: str
    mlflow: str | None = None


class TrainingOut(BaseModel):
    """The newest training."""

    model_config = ConfigDict(protected_namespaces=(), use_attribute_docstrings=True)

    state: TrainingState
    job_id: str | None = None
    """Prefect's id of the run."""
    model_name: str | None = None
    dataset: str | None = None
    """Digest of what it learns from."""
    epoch: int = 0
    """Epochs done."""
    epochs: int = 0
    progress: float = 0.0
    """Per cent of the epochs, 0 to 100."""
    metrics: dict[str, float] = {}
    """Newest losses and validation figures, by MLflow's names; empty while MLflow is away."""
    eta_s: float | None = None
    """Seconds until the last epoch ends; evaluation and conversion follow."""
    message: str | None = None
    """Why it failed."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    links: TrainingLinks | None = None

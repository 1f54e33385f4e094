"""What curation looks like on the wire, and the lots that both sides draw by."""

import hashlib
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from serving.inspections.schemas import Decision
from serving.moments import Moment
from serving.review.schemas import State
from serving.strict import Number, Whole

RANDOM_AUDIT = "random_audit"
"""The strategy under which the pictures of the audit sample stand in the review queue."""
MOST_SEED = 2**31 - 1

Share = Annotated[Number, Field(gt=0, le=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(strict=True, ge=0, le=MOST_SEED), Whole]


def lot_of(seed: int, inspection_id: str) -> float:
    """The lot of an inspection, in [0, 1): a number that depends on nothing but the seed and the inspection's id.

    An id is random itself and says nothing of the part. So who has the lowest lots is chance alone, and whoever asks
    again with the same seed gets the same answer.

    Source: permanent random numbers, Ohlsson (1995), Coordination of samples using permanent random numbers.
    """
    digest = hashlib.sha256(f"{seed}:{inspection_id}".encode()).digest()
    return (int.from_bytes(digest[:8]) >> 11) * 2.0**-53


class InQueue(BaseModel):
    """Where a picture stands in the review queue."""

    state: State
    strategies: list[str]


class CandidateOut(BaseModel):
    """An inspection that curation may choose."""

    inspection_id: str
    station_id: str
    decision: Decision
    created_at: datetime
    model_version: str
    uncertainty: float
    """How near its scores came to the thresholds that decided, 0-1: see docs/curation.md."""
    classes: list[str]
    """Of the detections that counted, each once."""
    image_sha256: str
    image_url: str
    """The original picture; the link expires, a Bearer token opens it always."""
    in_queue: InQueue | None
    """None for a picture that is not in the review queue."""


class CandidateList(BaseModel):
    """One page of candidates, oldest first."""

    candidates: list[CandidateOut]
    next_cursor: str | None
    """Where the next page begins, None after the last."""


class DrawIn(BaseModel):
    """Which passes may be drawn, and with what chance."""

    model_config = ConfigDict(extra="forbid")

    since: Moment
    until: Moment | None = None
    """The present if left out, or if it lies ahead."""
    share: Share
    """The chance of each pass."""
    seed: Seed = 0


class DrawnOut(BaseModel):
    """A pass that was drawn."""

    inspection_id: str
    station_id: str
    state: State | None
    """In the review queue, after the draw; None if the inspection was deleted meanwhile."""
    added: bool
    """Whether the draw put it there; what waited there or was labelled already counts just the same."""


class DrawOut(BaseModel):
    """What was drawn."""

    id: str | None
    """None if earlier draws cover the whole window: nothing was drawn."""
    since: datetime
    """Later than asked for where earlier draws reach that far: a pass has one chance."""
    until: datetime
    share: float
    seed: int
    passes: int
    """How many had a chance."""
    drawn: list[DrawnOut]


class Interval(BaseModel):
    """A two-sided confidence interval."""

    low: float
    high: float


class AuditEstimate(BaseModel):
    """The share of passed parts that have a defect, from every complete draw."""

    escape_rate: float
    interval: Interval
    """Exact (Clopper and Pearson), 95 %."""
    labelled: int
    """Drawn passes that the estimate rests on."""
    escapes: int
    """Those among them in which a person marked a defect."""
    share: float
    """The chance that each pass had to be among them: the smallest of the draws'."""
    passes: int
    """The passes that the estimate speaks of."""


class AuditOut(BaseModel):
    """The audit sample of a window."""

    days: int
    since: datetime
    until: datetime
    draws: int
    complete_draws: int
    """Those whose every pass is labelled or skipped. Others do not count yet: what is labelled first is no chance."""
    passes: int
    """That had a chance, in all draws."""
    sampled: int
    labelled: int
    skipped: int
    """A person could not say."""
    waiting: int
    lost: int
    """Deleted before anybody looked."""
    escapes: int
    """Among the labelled of all draws, complete or not."""
    escape_rate: float | None
    """That of the estimate, None where there is none."""
    interval: Interval | None
    estimate: AuditEstimate | None
    """None before a draw with a labelled pass is complete."""

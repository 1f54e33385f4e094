"""The gate as it travels over the wire."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from serving.model_versions.schemas import GateOutcome, OverrideReason
from serving.strict import Number

GateState = Literal["idle", "queued", "running", "stopping", "completed", "failed", "cancelled"]
PartKind = Literal["good", "defective", "golden"]


class PromoteIn(BaseModel):
    """How to judge. Who asks is known from the token; nobody can name another."""

    model_config = ConfigDict(extra="forbid")

    dataset: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """Digest of the data set whose frozen test parts to compare on; left out, that of the version's own training."""
    latency_budget_ms: Annotated[Number, Field(gt=0.0, le=60_000.0)] | None = None
    """Longest 95th percentile of one inference; left out, GATE_LATENCY_BUDGET_MS."""
    override_reason: OverrideReason | None = None
    """Why the version shall be deployed even if the gate blocks it; for administrators, audited."""


class RateOut(BaseModel):
    """A share with its exact 95 % interval."""

    count: int
    of: int
    share: float
    low: float
    high: float


class ParityOut(BaseModel):
    """What the version's golden pictures showed on one way to run it."""

    runs_on: str
    score_gap: float | None
    """Largest difference of a score from the one expected; None where it does not agree."""
    broken: str | None
    """What is wrong; None where every decision, box and score is as expected."""


class MeasuredOut(BaseModel):
    """What one version did on the test set and on this machine."""

    version: str
    classes: list[str]
    box_ap50: float
    escape: RateOut
    overkill: RateOut
    uncertain: RateOut
    recall: dict[str, RateOut]
    latency_p95_ms: float
    golden_pictures: int
    parity: list[ParityOut]


class DifferingPartOut(BaseModel):
    """A picture on which both versions decide differently."""

    picture: str
    truth: PartKind
    """`golden`: a golden picture of the deployed version, whose word counts."""
    candidate: str
    deployed: str
    shown_in: str | None
    """Both views beside each other, among the artefacts of the run in MLflow."""


class TestSetOut(BaseModel):
    """The pictures that both versions were judged on."""

    digest: str
    pictures: int


class RulesOut(BaseModel):
    """What the candidate had to keep to beside being no worse."""

    latency_budget_ms: float
    golden_binds: bool
    """Whether a defect on a golden picture of the deployed version had to be found again."""


class GateWordOut(BaseModel):
    """A sentence of the gate for those who say it in another language."""

    code: str
    params: dict[str, str | int | float] = {}
    """What stands in its places; `now_` is the candidate's figure, `before_` the deployed version's."""


class GateReport(BaseModel):
    """What the gate measured and said, as the flow keeps it in MLflow."""

    version: str
    compared_with: str
    outcome: GateOutcome
    reasons: list[str]
    remarks: list[str]
    reason_words: list[GateWordOut] = []
    """`reasons`, one for one; empty in reports of before it was kept."""
    remark_words: list[GateWordOut] = []
    rules: RulesOut
    test_set: TestSetOut
    candidate: MeasuredOut
    deployed: MeasuredOut
    differing: list[DifferingPartOut]
    judged_at: datetime


class GateLinks(BaseModel):
    """Where a person can watch and read on."""

    prefect: str | None = None
    mlflow: str | None = None


class GateOut(BaseModel):
    """The newest run of the gate for a version, and what the last one that came to an end said."""

    version: str
    state: GateState
    job_id: str | None = None
    """Prefect's id of the run."""
    progress: float = 0.0
    """Per cent of the pictures, 0 to 100."""
    message: str | None = None
    """Why the run failed."""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: GateOutcome | None = None
    reasons: list[str] = []
    override_reason: str | None = None
    approved_by: str | None = None
    report: GateReport | None = None
    """Both versions beside each other; None before the first judgement, or if MLflow lost it."""
    jobs: Literal["available", "unavailable"] = "available"
    """`unavailable`: Prefect does not answer, and whether a run is under way is not known."""
    links: GateLinks = GateLinks()

"""The audit log as it travels over the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from serving.audit.actor import ActorKind


class AuditActor(BaseModel):
    """Who acted."""

    kind: ActorKind
    id: str
    name: str


class AuditEntryOut(BaseModel):
    """One privileged act."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int
    """Number in the chain; there are no holes."""
    at: datetime
    actor: AuditActor
    address: str | None
    """Address that the request came from, null where there was none."""
    request_id: str | None
    """As `X-Request-ID` of the answer and the log lines say."""
    action: str
    subject: str
    before: Any
    after: Any
    mac: str
    """HMAC-SHA-256 over the entry and the one before, in hex."""


class AuditPage(BaseModel):
    """Entries, newest first."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    entries: list[AuditEntryOut]
    next_before: int | None
    """What to give as `before` for the next page, null where there is none."""


class AuditFinding(BaseModel):
    """Something that is not as it was written."""

    seq: int
    problem: str


class AuditVerification(BaseModel):
    """What came of a look at the whole log."""

    holds: bool
    entries: int
    findings: list[AuditFinding]

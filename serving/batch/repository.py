"""Every query on batch jobs."""

from collections.abc import Sequence

from sqlmodel import Session, col, func, select

from serving.batch.schemas import DecisionCounts, key_prefix
from serving.tables import BatchJob, Inspection
from serving.users.service_account import SERVICE_USER_ID


def find(session: Session, job_id: str) -> BatchJob | None:
    """The job of that id."""
    return session.get(BatchJob, job_id)


def add(session: Session, job: BatchJob) -> None:
    """Store a new job."""
    session.add(job)
    session.flush()


def list_page(session: Session, *, limit: int, offset: int) -> tuple[Sequence[BatchJob], int]:
    """One page of jobs, newest first, and how many there are in all."""
    total = session.exec(select(func.count()).select_from(BatchJob)).one()
    query = select(BatchJob).order_by(col(BatchJob.created_at).desc(), col(BatchJob.id).desc())
    return session.exec(query.limit(limit).offset(offset)).all(), total


def list_running(session: Session) -> Sequence[BatchJob]:
    """The jobs that run, as far as is known."""
    return session.exec(select(BatchJob).where(BatchJob.status == "running")).all()


def decision_counts(session: Session, job_id: str) -> DecisionCounts:
    """How many inspections of a job are stored, per decision."""
    prefix, key = key_prefix(job_id), col(Inspection.idempotency_key)
    query = (
        select(Inspection.decision, func.count())
        .where(Inspection.requested_by == SERVICE_USER_ID, key.startswith(prefix, autoescape=True))
        .group_by(col(Inspection.decision))
    )
    if session.get_bind().dialect.name == "sqlite":
        # LIKE ignores capitals there and so passes the index by; a range of bytes finds the same rows in it.
        query = query.where(key >= prefix, key < prefix[:-1] + chr(ord(prefix[-1]) + 1))
    return DecisionCounts.model_validate(dict(session.exec(query).all()))

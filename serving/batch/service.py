"""What may be done with batch jobs. Prefect owns the run of a job; the row keeps what Prefect last said."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.batch import repository
from serving.batch.schemas import BatchJobIn, BatchJobOut, BatchReport, DecisionCounts, JobStatus
from serving.errors import Conflict, JobsUnavailable, NotFound
from serving.events.outbox import publish
from serving.jobs.prefect import FlowRun, PrefectJobs
from serving.platform import Platform
from serving.tables import BatchJob

FLOW: Final = "inspect-batch"
# What failed or was cancelled may be taken up again: pictures that have their verdict are not inspected twice.
_STARTABLE: Final = frozenset({"pending", "failed", "cancelled"})
_STATUS_OF: Final[dict[str, JobStatus]] = {
    "COMPLETED": "completed",
    "FAILED": "failed",
    "CRASHED": "failed",
    "CANCELLED": "cancelled",
}
_MOST_TEXT: Final = 2000
_TOLD: Final = {
    *("id", "name", "station_id", "status", "flow_state", "total", "failed", "error", "attempts", "flow_run_id"),
    *("created_at", "started_at", "finished_at"),
}


@dataclass(frozen=True, slots=True)
class Observation:
    """What Prefect says of a run.

    Attributes:
        flow_run_id: The run.
        status: The job's status that follows.
        flow_state: The state in Prefect's words.
        error: Why it failed, None otherwise.
        started_at: When its process began.
        finished_at: When it ended, None while it has not.
    """

    flow_run_id: str
    status: JobStatus
    flow_state: str
    error: str | None
    started_at: datetime | None
    finished_at: datetime | None


def create(session: Session, wanted: BatchJobIn, input_dir: str, *, user: Actor, now: datetime) -> BatchJob:
    """A new job, pending. Runs in the writer."""
    values = {
        **wanted.model_dump(),
        "id": str(uuid4()),
        "input_dir": input_dir,
        "status": "pending",
        "errors": [],
        "created_at": now,
        "created_by": user.name,
    }
    job = BatchJob.model_validate(values)
    repository.add(session, job)
    _audit(session, "batch.created", job, user, now)
    _publish(session, job, now)
    return job


async def start(platform: Platform, job_id: str, user: Actor) -> BatchJob:
    """The job, running from now on.

    Raises:
        NotFound: There is no such job.
        Conflict: It runs, or is completed.
        JobsUnavailable: Prefect does not answer; the job stays as it is.
    """
    job = await load(platform, job_id)
    await refresh(platform, [job])
    job = await load(platform, job_id)
    _require_startable(job)
    attempt = job.attempts + 1
    parameters = {
        "input_dir": job.input_dir,
        "file_pattern": job.file_pattern,
        "station_id": job.station_id,
        "job_id": job.id,
    }
    # The key makes one run of two calls, and finds the run again if this process dies before it is noted.
    run = await platform.jobs.create_run(
        FLOW, parameters, idempotency_key=f"{job.id}:{attempt}", name=f"{job.name} ({attempt})"
    )
    now = platform.clock()
    try:
        return await asyncio.wrap_future(
            platform.database.write(lambda session: _note_start(session, job_id, attempt, run, user, now))
        )
    except Conflict:
        present = await load(platform, job_id)
        if present.flow_run_id != run.id:
            await platform.jobs.cancel_run(run.id)  # the job was cancelled meanwhile: nobody waits for this run
        raise


async def cancel(platform: Platform, job_id: str, user: Actor) -> BatchJob:
    """The job, cancelled, or still running while its process comes to an end.

    Raises:
        NotFound: There is no such job.
        Conflict: It has ended already.
        JobsUnavailable: Prefect does not answer; the job goes on.
    """
    job = await load(platform, job_id)
    await refresh(platform, [job])
    job = await load(platform, job_id)
    now = platform.clock()
    if job.status == "running" and job.flow_run_id is not None:
        await platform.jobs.cancel_run(job.flow_run_id)
    elif job.status != "pending":
        raise Conflict(f"the job is {job.status}")
    await asyncio.wrap_future(platform.database.write(lambda session: _note_cancel(session, job_id, user, now)))
    await refresh(platform, [await load(platform, job_id)])
    return await load(platform, job_id)


async def refresh(platform: Platform, jobs: Sequence[BatchJob]) -> bool:
    """Whether Prefect answered; what it said of the running jobs among these is noted in their rows."""
    live = {job.flow_run_id: job for job in jobs if job.status == "running" and job.flow_run_id is not None}
    if not live:
        return True
    try:
        runs = await platform.jobs.read_runs(live)
        seen = [(job, await _observe(platform.jobs, run_id, runs.get(run_id))) for run_id, job in live.items()]
    except JobsUnavailable:
        return False
    changed = [(job.id, o) for job, o in seen if (o.status, o.flow_state) != (job.status, job.flow_state)]
    now = platform.clock()

    def note(session: Session) -> None:
        for job_id, observation in changed:
            _note_state(session, job_id, observation, now)

    if changed:
        await asyncio.wrap_future(platform.database.write(note))
    return True


def note_report(session: Session, job_id: str, report: BatchReport, now: datetime) -> None:
    """Notes what the flow says of its progress. Runs in the writer.

    Raises:
        NotFound: There is no such job.
    """
    job = _require(session, job_id)
    job.total, job.failed = report.total, report.failed
    job.errors = [error.model_dump() for error in report.errors]
    session.add(job)
    _publish(session, job, now)


async def load(platform: Platform, job_id: str) -> BatchJob:
    """The job as its row says.

    Raises:
        NotFound: There is no such job.
    """

    def find() -> BatchJob:
        with platform.database.read() as session:
            return _require(session, job_id)

    return await asyncio.to_thread(find)


def to_out(session: Session, job: BatchJob, jobs: PrefectJobs, *, is_current: bool) -> BatchJobOut:
    """The job as it travels over the wire, with the verdicts that are stored."""
    stored = repository.decision_counts(session, job.id)
    kept = DecisionCounts.model_validate(job.decisions or {})
    # Retention may have removed old inspections: what the job ended with stays told.
    decisions = DecisionCounts(
        passed=max(stored.passed, kept.passed),
        fail=max(stored.fail, kept.fail),
        uncertain=max(stored.uncertain, kept.uncertain),
    )
    processed = decisions.passed + decisions.fail + decisions.uncertain + job.failed
    progress = 100.0 if job.status == "completed" else min(99.9, 100.0 * processed / job.total) if job.total else 0.0
    values: dict[str, Any] = {
        **job.model_dump(),
        "decisions": decisions,
        "processed": processed,
        "progress": round(progress, 1),
        "flow_run_url": jobs.link_to(job.flow_run_id) if job.flow_run_id else None,
        "is_current": is_current,
    }
    return BatchJobOut.model_validate(values)


async def _observe(jobs: PrefectJobs, run_id: str, run: FlowRun | None) -> Observation:
    if run is None:
        return Observation(run_id, "failed", "Unknown", "Prefect does not know the run any more", None, None)
    status = _STATUS_OF.get(run.state_type, "running")
    error = None
    if status == "failed":
        line = await jobs.last_log_line(run_id)
        error = " | ".join(text for text in (run.message, line) if text)[:_MOST_TEXT] or run.state_name
    finished_at = run.ended_at if run.has_ended else None
    return Observation(run_id, status, run.state_name, error, run.started_at, finished_at)


def _note_start(session: Session, job_id: str, attempt: int, run: FlowRun, user: Actor, now: datetime) -> BatchJob:
    job = _require(session, job_id)
    _require_startable(job)
    if job.attempts + 1 != attempt:
        raise Conflict("the job was started by somebody else at the same time")
    job.status, job.attempts, job.flow_run_id, job.flow_state = "running", attempt, run.id, run.state_name
    job.failed, job.errors, job.error, job.finished_at = 0, [], None, None
    job.started_at = job.started_at or now
    session.add(job)
    _audit(session, "batch.started", job, user, now)
    _publish(session, job, now)
    return job


def _note_cancel(session: Session, job_id: str, user: Actor, now: datetime) -> None:
    job = _require(session, job_id)
    if job.status == "pending":
        job.status, job.finished_at = "cancelled", now
        session.add(job)
    _audit(session, "batch.cancelled", job, user, now)
    _publish(session, job, now)


def _note_state(session: Session, job_id: str, seen: Observation, now: datetime) -> None:
    job = _require(session, job_id)
    if job.status != "running" or job.flow_run_id != seen.flow_run_id:
        return  # somebody noted it before, or it was started anew
    job.status, job.flow_state, job.error = seen.status, seen.flow_state, seen.error
    if seen.status != "running":
        job.finished_at = seen.finished_at or now
        job.decisions = repository.decision_counts(session, job_id).model_dump(by_alias=True)
    session.add(job)
    _publish(session, job, now)


def _require(session: Session, job_id: str) -> BatchJob:
    job = repository.find(session, job_id)
    if job is None:
        raise NotFound("there is no such batch job")
    return job


def _require_startable(job: BatchJob) -> None:
    if job.status not in _STARTABLE:
        raise Conflict(f"the job is {job.status}")


def _publish(session: Session, job: BatchJob, now: datetime) -> None:
    publish(session, "job", {"kind": "batch", **job.model_dump(mode="json", include=_TOLD)}, now)


def _audit(session: Session, action: str, job: BatchJob, user: Actor, now: datetime) -> None:
    told = {"name": job.name, "input_dir": job.input_dir, "station_id": job.station_id, "flow_run_id": job.flow_run_id}
    record(session, user, action, f"batch-job/{job.id}", after=told, now=now)

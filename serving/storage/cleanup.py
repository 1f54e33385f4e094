"""The clean-up that a person asks for: a run of the flow `retention`, which Prefect owns."""

import asyncio
from typing import Final

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict
from serving.platform import Platform
from serving.storage.schemas import CleanupOut, RetentionIn

FLOW: Final = "retention"


async def start_cleanup(platform: Platform, wanted: RetentionIn, actor: Actor) -> CleanupOut:
    """The run that was started.

    Raises:
        Conflict: One runs, or waits to.
        JobsUnavailable: Prefect does not answer, or nobody runs the flow.
    """
    now = platform.clock()
    # Without those that the schedule has planned for the days to come.
    latest = await platform.jobs.latest_run(FLOW, due_at=now)
    if latest is not None and not latest.has_ended:
        raise Conflict("a clean-up runs already")
    # Two calls at the same moment saw the same newest run, have the same key, and so start one run.
    key = f"after:{latest.id if latest else 'none'}"
    name = f"cleanup-{now:%Y%m%d-%H%M%S-%f}"
    run = await platform.jobs.create_run(FLOW, wanted.model_dump(), idempotency_key=key, name=name)
    if run.name != name:
        raise Conflict("a clean-up was started a moment ago")

    def note(session: Session) -> None:
        record(session, actor, "storage.cleanup_started", f"job/{run.id}", after=wanted.model_dump(), now=now)

    await asyncio.wrap_future(platform.database.write(note))
    return CleanupOut(job_id=run.id, state=run.state_name, url=platform.jobs.link_to(run.id), **wanted.model_dump())

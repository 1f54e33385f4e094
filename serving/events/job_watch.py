"""Asks Prefect how the running jobs are, so that followers hear of their end though nobody looks at them."""

import asyncio
from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from serving.batch import repository as batch_jobs
from serving.batch import service as batch
from serving.errors import JobsUnavailable
from serving.events import repository
from serving.events.outbox import publish
from serving.platform import Platform
from serving.tables import BatchJob
from serving.training import service as training

POLL_S: Final = 5.0
_ENDED: Final = frozenset({"completed", "failed", "cancelled"})
_LOOK_BACK: Final = 50


class JobWatch:
    """Looks every few seconds at what runs. While nothing does, Prefect is not asked."""

    def __init__(self, platform: Platform) -> None:
        """Takes the platform."""
        self._platform = platform

    async def look(self) -> float:
        """The seconds until the next look, after one.

        Raises:
            StorageUnavailable: The database does not answer.
        """
        jobs, told = await asyncio.to_thread(self._running)
        await batch.refresh(self._platform, jobs)
        if told is not None:
            await self._look_at_training(*told)
        return POLL_S

    def _running(self) -> tuple[Sequence[BatchJob], tuple[str, str] | None]:
        """The batch jobs that run, and the run of the training and its state, as followers were told last."""
        with self._platform.database.read() as session:
            jobs = batch_jobs.list_running(session)
            for event in repository.newest_of(session, "job", _LOOK_BACK):
                if event.data.get("kind") == "training":
                    run_id, status = str(event.data["id"]), str(event.data["status"])
                    return jobs, None if status in _ENDED else (run_id, status)
        return jobs, None

    async def _look_at_training(self, run_id: str, told: str) -> None:
        platform = self._platform
        try:
            run = await platform.jobs.read_run(run_id)
        except JobsUnavailable:
            return  # the next look asks again
        now = platform.clock()

        def note(session: Session) -> None:
            if run is None:  # its history was cleaned up
                gone = {"kind": "training", "id": run_id, "name": None, "status": "failed"}
                publish(session, "job", {**gone, "error": "Prefect does not know the run any more"}, now)
            else:
                training.publish_state(session, run, now)

        if run is None or training.state_of(run) != told:
            await asyncio.wrap_future(platform.database.write(note))

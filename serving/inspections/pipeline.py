"""The way of one inspection: picture → verdict and picture on disk → one transaction → answer."""

import asyncio
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy import Connection

from models.intake import Picture
from models.recipe import Recipe
from serving.errors import StorageUnavailable
from serving.inspections import repository
from serving.inspections.records import InspectionOrder, InspectionRecord, to_record, values_to_schema
from serving.inspections.schemas import InspectionOut
from serving.live.deadline import Deadline, require_in_time
from serving.live.inspector import Kept
from serving.live.judged import Judged
from serving.platform import Platform
from serving.review.entry import enter_uncertain
from serving.stations.service import ensure_exists
from serving.statistics.tallied import Tallied
from serving.writer import joined_session

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture to inspect.

    Attributes:
        data: Its bytes.
        picture: The same, decoded, where that is done already.
        timings_ms: What taking it cost.
    """

    data: bytes
    picture: Picture | None
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Written:
    """An answer, and the future that says whether its rows are on disk."""

    answer: InspectionOut
    committed: "Future[None]"


class _Attempt:
    """One inspection on its way. Judging and keeping the picture run side by side: the disk waits while the network
    computes. What follows needs both, and runs in the thread that judged where the picture is on disk by then: each
    way from thread to thread costs a quarter of a millisecond.
    """

    def __init__(
        self,
        platform: Platform,
        order: InspectionOrder,
        recipe: Recipe,
        *,
        is_new_station: bool,
        started_s: float,
        deadline: Deadline | None,
    ) -> None:
        self._platform = platform
        self._order = order
        self._recipe = recipe
        self._is_new_station = is_new_station
        self._started_s = started_s
        self._deadline = deadline
        self._may_be_recorded = False
        self.id, self._now = str(uuid4()), platform.clock()

    async def run(self, taken: Taken) -> InspectionOut:
        """The stored verdict."""
        live = self._platform.live
        kept = live.keep(taken.data, self.id, self._now.date())
        try:
            judged, written = await live.judge(
                taken.data, self._recipe, taken.picture, partial(self._conclude, taken, kept), self._deadline
            )
            if written is None:
                written = self._write(taken, judged, await asyncio.wrap_future(kept), at_once=False)
            if not written.committed.done():
                await asyncio.wrap_future(written.committed)
            written.committed.result()
        except Exception:
            await self._undo(kept)
            raise
        live.note_kept(kept)
        live.media.settle(kept.result().picture.path)
        return written.answer

    def _conclude(self, taken: Taken, kept: "Future[Kept]", judged: Judged) -> tuple[Judged, _Written | None]:
        if not kept.done() or kept.exception() is not None:
            return judged, None
        return judged, self._write(taken, judged, kept.result(), at_once=True)

    def _write(self, taken: Taken, judged: Judged, kept: Kept, *, at_once: bool) -> _Written:
        require_in_time(self._deadline)
        record = to_record(
            self.id,
            self._order,
            judged,
            kept.picture,
            self._recipe,
            created_at=self._now,
            timings_ms={**judged.timings_ms, **taken.timings_ms, "store": kept.store_ms},
            total_time_ms=(time.perf_counter() - self._started_s) * 1000,
        )
        # Before the rows are written: the wire type also validates what goes into them.
        link = self._platform.live.links.link_to(kept.picture.path, self._now)
        answer = values_to_schema(record.inspection, record.detections, link)
        tallied = self._platform.statistics.tallied
        job = partial(
            commit, record=record, is_new_station=self._is_new_station, tallied=tallied, deadline=self._deadline
        )
        self._may_be_recorded = True
        if self._platform.events.hub.is_followed:
            self._platform.events.fresh.put(answer)
        return _Written(answer, self._platform.database.write_rows(job, at_once=at_once))

    async def _undo(self, kept: "Future[Kept]") -> None:
        await asyncio.gather(asyncio.wrap_future(kept), return_exceptions=True)
        self._platform.live.note_kept(kept)
        if kept.exception() is not None:
            return
        path = kept.result().picture.path
        if self._may_be_recorded:
            await asyncio.to_thread(_withdraw_unless_recorded, self._platform, path, self.id)
        else:
            await asyncio.to_thread(_discard, self._platform, path)


async def inspect_and_store(
    platform: Platform,
    order: InspectionOrder,
    recipe: Recipe,
    taken: Taken,
    *,
    is_new_station: bool,
    started_s: float,
    deadline: Deadline | None = None,
) -> InspectionOut:
    """The stored verdict. Any failure on the way leaves neither row nor picture.

    Args:
        platform: Where it runs.
        order: What was asked for.
        recipe: The station's rules.
        taken: The picture.
        is_new_station: Whether the station must be made.
        started_s: When the request was complete, by `time.perf_counter`.
        deadline: Past it no rows are written any more.

    Raises:
        ModelError: The picture cannot be used, or the network failed.
        ServingError: Overload, storage, or too late.
        IntegrityError: The idempotency key was used meanwhile.
    """
    attempt = _Attempt(platform, order, recipe, is_new_station=is_new_station, started_s=started_s, deadline=deadline)
    answer = await attempt.run(taken)
    platform.metrics.observe_inspection(
        order.station_id,
        answer.decision,
        answer.timings_ms,
        total_ms=answer.total_time_ms,
        class_names=(found.class_name for found in answer.detections),
    )
    return answer


def commit(
    connection: Connection,
    *,
    record: InspectionRecord,
    is_new_station: bool,
    tallied: Tallied,
    deadline: Deadline | None = None,
) -> None:
    """Stores everything of one inspection. Runs in whichever thread writes.

    Raises:
        TooLate: It waited too long for its turn.
    """
    require_in_time(deadline)
    values = record.inspection
    if is_new_station:
        with joined_session(connection) as session:
            ensure_exists(session, values["station_id"], values["created_at"])
    repository.record(connection, values, record.detections, record.event)
    tallied.note_stored(connection, values)
    if values["decision"] == "uncertain":
        with joined_session(connection) as session:
            enter_uncertain(session, *record.to_rows())


def _withdraw_unless_recorded(platform: Platform, path: str, inspection_id: str) -> None:
    """Removes the picture of an inspection whose commit failed, once it is certain that there is no row.

    A commit whose answer got lost (PostgreSQL gone in that moment) may have worked: a row must never lose its picture.
    What cannot be found out now, the repair settles at the next start.
    """
    try:
        with platform.database.read() as session:
            recorded = repository.find(session, inspection_id) is not None
    except StorageUnavailable:
        recorded = True
    if recorded:
        platform.live.media.settle(path)
    else:
        _discard(platform, path)


def _discard(platform: Platform, path: str) -> None:
    try:
        platform.live.media.discard(path)
    except OSError as error:
        _log.warning("picture_not_removed", path=path, error=str(error))

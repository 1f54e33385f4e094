"""The way of one inspection: picture → verdict and picture on disk → one transaction → answer."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
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
from serving.live.judged import Judged
from serving.media.store import StoredPicture
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


async def inspect_and_store(
    platform: Platform, order: InspectionOrder, recipe: Recipe, taken: Taken, *, is_new_station: bool, started_s: float
) -> InspectionOut:
    """The stored verdict. Any failure on the way leaves neither row nor picture.

    Args:
        platform: Where it runs.
        order: What was asked for.
        recipe: The station's rules.
        taken: The picture.
        is_new_station: Whether the station must be made.
        started_s: When the request was complete, by `time.perf_counter`.

    Raises:
        ModelError: The picture cannot be used, or the network failed.
        ServingError: Overload or storage.
        IntegrityError: The idempotency key was used meanwhile.
    """
    inspection_id, now = str(uuid4()), platform.clock()
    judged, picture, store_ms = await _judge_and_keep(platform, taken, recipe, inspection_id, now)
    try:
        record = to_record(
            inspection_id,
            order,
            judged,
            picture,
            recipe,
            created_at=now,
            timings_ms={**judged.timings_ms, **taken.timings_ms, "store": store_ms},
            total_time_ms=(time.perf_counter() - started_s) * 1000,
        )
        # Before the rows are written: the wire type also validates what goes into them.
        link = platform.live.links.link_to(picture.path, now)
        answer = values_to_schema(record.inspection, record.detections, link)
        tallied = platform.statistics.tallied
        job = partial(commit, record=record, is_new_station=is_new_station, tallied=tallied)
        await asyncio.wrap_future(platform.database.write_rows(job))
    except Exception:
        await asyncio.to_thread(_withdraw_unless_recorded, platform, picture.path, inspection_id)
        raise
    platform.live.media.settle(picture.path)
    platform.metrics.observe_inspection(
        order.station_id,
        answer.decision,
        answer.timings_ms,
        total_ms=answer.total_time_ms,
        class_names=(found.class_name for found in answer.detections),
    )
    return answer


async def _judge_and_keep(
    platform: Platform, taken: Taken, recipe: Recipe, inspection_id: str, now: datetime
) -> tuple[Judged, StoredPicture, float]:
    """Verdict, picture and the time it took to store it. Side by side: the disk waits while the network computes."""
    started_s = time.perf_counter()
    store_ms = 0.0

    async def keep() -> StoredPicture:
        nonlocal store_ms
        picture = await platform.live.keep(taken.data, inspection_id, now.date())
        store_ms = (time.perf_counter() - started_s) * 1000
        return picture

    judging = platform.live.judge(taken.data, recipe, taken.picture)
    judged, picture = await asyncio.gather(judging, keep(), return_exceptions=True)
    if isinstance(judged, BaseException):
        if isinstance(picture, StoredPicture):
            await asyncio.to_thread(_discard, platform, picture.path)
        raise judged
    if isinstance(picture, BaseException):
        raise picture
    return judged, picture, store_ms


def commit(connection: Connection, *, record: InspectionRecord, is_new_station: bool, tallied: Tallied) -> None:
    """Stores everything of one inspection. Runs in the writer."""
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

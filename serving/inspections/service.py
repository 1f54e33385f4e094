"""The way of one inspection: picture → verdict and picture on disk → one transaction → answer."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from uuid import uuid4

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models.errors import ModelError
from models.intake import Picture
from models.recipe import Recipe
from serving.errors import NotFound, ServingError, StorageUnavailable
from serving.inspections import repository
from serving.inspections.idempotency import request_digest, require_same
from serving.inspections.records import InspectionOrder, InspectionRecord, to_record, to_schema
from serving.inspections.schemas import InspectionOut
from serving.live.judged import Judged
from serving.media.store import StoredPicture
from serving.platform import Platform
from serving.stations.service import ensure_exists
from serving.tables import OutboxEvent

_log = structlog.get_logger(__name__)

# From here on hashing is worth a thread.
_LARGE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """An inspection for the caller, and whether it was made for an earlier request with the same key."""

    inspection: InspectionOut
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class _Taken:
    """A picture to inspect; decoded already where it comes from the camera."""

    data: bytes
    picture: Picture | None
    timings_ms: dict[str, float]


async def inspect_upload(platform: Platform, order: InspectionOrder, data: bytes) -> Outcome:
    """The verdict on a picture that a client sent, stored before this returns.

    Raises:
        ModelError: The picture cannot be used, or the network failed. Nothing is stored.
        ServingError: Overload, storage, or a key that belongs to another request. Nothing is stored.
    """
    if order.idempotency_key is not None:
        digest_of = partial(request_digest, "upload", data, order.station_id, order.part_id)
        digest = await asyncio.to_thread(digest_of) if len(data) > _LARGE_BYTES else digest_of()
        order = replace(order, request_digest=digest)

    async def take() -> _Taken:
        return _Taken(data, None, {})

    return await _counting_failures(platform, _inspect_once(platform, order, take))


async def inspect_camera(platform: Platform, order: InspectionOrder) -> Outcome:
    """The verdict on the camera's next frame, stored before this returns.

    Raises:
        CameraFault: There is no trustworthy frame; an alert is raised. Nothing is stored.
        ModelError: The network failed. Nothing is stored.
        ServingError: Overload, storage, or a key that belongs to another request. Nothing is stored.
    """
    if order.idempotency_key is not None:
        order = replace(order, request_digest=request_digest("camera", b"", order.station_id, order.part_id))

    async def take() -> _Taken:
        started_s = time.perf_counter()
        guarded = await platform.live.camera.capture()
        capture_ms = (time.perf_counter() - started_s) * 1000 - guarded.decode_ms
        return _Taken(guarded.frame.data, guarded.picture, {"capture": capture_ms, "decode": guarded.decode_ms})

    return await _counting_failures(platform, _inspect_once(platform, order, take))


def delete_inspection(session: Session, inspection_id: str, *, deleted_by: str, now: datetime) -> str:
    """The path of the picture that lost its row and must go too. Runs in the writer.

    Raises:
        NotFound: There is no such inspection.
    """
    row = repository.find(session, inspection_id)
    if row is None:
        raise NotFound("there is no such inspection")
    path = row.image_path
    data = {"action": "inspection.deleted", "by": deleted_by, "inspection_id": inspection_id, "image_path": path}
    data |= {"decision": row.decision, "station_id": row.station_id, "image_sha256": row.image_sha256}
    repository.remove(session, inspection_id)
    session.add(OutboxEvent.model_validate({"type": "audit", "created_at": now, "data": data}))
    return path


async def _counting_failures(platform: Platform, work: Awaitable[Outcome]) -> Outcome:
    try:
        return await work
    except (ServingError, ModelError) as error:
        platform.metrics.observe_inspection_failure(error.code)
        raise


async def _inspect_once(platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[_Taken]]) -> Outcome:
    key, digest = order.idempotency_key, order.request_digest
    if key is None or digest is None:
        return await _inspect(platform, order, take)

    async def first() -> Outcome:
        stored = await asyncio.to_thread(_find_answer, platform, order)
        return stored or await _inspect(platform, order, take)

    outcome, led = await platform.live.in_flight.once(order.requested_by, key, digest, first)
    return outcome if led else replace(outcome, replayed=True)


def _find_answer(platform: Platform, order: InspectionOrder) -> Outcome | None:
    """The stored answer to the order's key, None if the key is new.

    Raises:
        IdempotencyMismatch: The key was used for another request.
    """
    if order.idempotency_key is None or order.request_digest is None:
        return None
    with platform.database.read() as session:
        row = repository.find_by_key(session, order.requested_by, order.idempotency_key)
        if row is None:
            return None
        require_same(row.request_digest, order.request_digest)
        detections = repository.detections_of(session, [row.id]).get(row.id, [])
    link = platform.live.links.link_to(row.image_path, platform.clock())
    return Outcome(to_schema(row, detections, link), replayed=True)


async def _inspect(platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[_Taken]]) -> Outcome:
    started_s = time.perf_counter()
    live, inspection_id, now = platform.live, str(uuid4()), platform.clock()
    rules = await live.stations.rules_of(order.station_id)
    taken = await take()
    judged, picture, store_ms = await _judge_and_keep(platform, taken, rules.recipe, inspection_id, now)
    try:
        record = to_record(
            inspection_id,
            order,
            judged,
            picture,
            rules.recipe,
            created_at=now,
            timings_ms={**judged.timings_ms, **taken.timings_ms, "store": store_ms},
            total_time_ms=(time.perf_counter() - started_s) * 1000,
        )
        link = live.links.link_to(picture.path, now)
        outcome = Outcome(to_schema(record.inspection, record.detections, link))
        await asyncio.wrap_future(platform.database.write(partial(_commit, record=record, is_new=not rules.exists)))
    except IntegrityError:
        await asyncio.to_thread(_withdraw_unless_recorded, platform, picture.path, inspection_id)
        stored = await asyncio.to_thread(_find_answer, platform, order)
        if stored is None:
            raise
        return stored
    except Exception:
        await asyncio.to_thread(_withdraw_unless_recorded, platform, picture.path, inspection_id)
        raise
    live.media.settle(picture.path)
    if not rules.exists:
        live.stations.forget(order.station_id)
    platform.metrics.observe_inspection(order.station_id, record.inspection.decision, record.inspection.timings_ms)
    return outcome


async def _judge_and_keep(
    platform: Platform, taken: _Taken, recipe: Recipe, inspection_id: str, now: datetime
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


def _commit(session: Session, *, record: InspectionRecord, is_new: bool) -> None:
    if is_new:
        ensure_exists(session, record.inspection.station_id, record.inspection.created_at)
    repository.record(session, record.inspection, record.detections, record.event)


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

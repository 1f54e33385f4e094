"""What may be done with inspections: ask for one (once per idempotency key), and delete one."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from models.errors import InferenceError, ModelError
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import NotFound, ServingError, TooLate
from serving.inspections import repository
from serving.inspections.holds import require_not_on_hold
from serving.inspections.idempotency import request_digest, require_same
from serving.inspections.pipeline import Taken, inspect_and_store
from serving.inspections.records import InspectionOrder, row_to_schema
from serving.inspections.schemas import InspectionOut
from serving.live.deadline import Deadline, require_in_time
from serving.platform import Platform
from serving.review.service import require_deletable
from serving.statistics.tallied import recount

_log = structlog.get_logger(__name__)

# From here on hashing is worth a thread.
_LARGE_BYTES = 256 * 1024
_TOLD_OF_DELETED = {"created_at", "station_id", "part_id", "decision", "image_path", "image_sha256", "model_version"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """An inspection for the caller, and whether it was made for an earlier request with the same key."""

    inspection: InspectionOut
    replayed: bool = False


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

    async def take() -> Taken:
        return Taken(data, None, {})

    return await _counting_failures(platform, order.station_id, _inspect_once(platform, order, take))


async def inspect_camera(platform: Platform, order: InspectionOrder) -> Outcome:
    """The verdict on the camera's next frame, stored before this returns.

    Raises:
        CameraFault: There is no trustworthy frame; an alert is raised. Nothing is stored.
        ModelError: The network failed. Nothing is stored.
        ServingError: Overload, storage, or a key that belongs to another request. Nothing is stored.
    """
    if order.idempotency_key is not None:
        order = replace(order, request_digest=request_digest("camera", b"", order.station_id, order.part_id))

    async def take() -> Taken:
        started_s = time.perf_counter()
        guarded = await platform.live.camera.capture()
        capture_ms = (time.perf_counter() - started_s) * 1000 - guarded.decode_ms
        return Taken(guarded.frame.data, guarded.picture, {"capture": capture_ms, "decode": guarded.decode_ms})

    return await _counting_failures(platform, order.station_id, _inspect_once(platform, order, take))


def delete_inspection(session: Session, inspection_id: str, *, by: Actor, now: datetime) -> str:
    """The path of the picture that lost its row and must go too. Runs in the writer.

    Raises:
        NotFound: There is no such inspection.
        Conflict: It is on hold, or its picture is labelled: training data stays.
    """
    row = repository.find_for_change(session, inspection_id)
    if row is None:
        raise NotFound("there is no such inspection")
    require_not_on_hold(row)
    require_deletable(session, inspection_id)
    path = row.image_path
    before = row.model_dump(mode="json", include=_TOLD_OF_DELETED)
    recount(session.connection(), row.part_id, row.station_id, row.created_at)
    repository.remove(session, inspection_id)
    record(session, by, repository.DELETED, f"inspection/{inspection_id}", before=before, now=now)
    return path


async def _counting_failures(platform: Platform, station_id: str, work: Awaitable[Outcome]) -> Outcome:
    try:
        return await work
    except (ServingError, ModelError) as error:
        platform.metrics.observe_inspection_failure(error.code)
        if isinstance(error, InferenceError):
            platform.live.verdict_alarm.inference_failed(error)
        elif isinstance(error, TooLate):
            platform.live.verdict_alarm.too_late(station_id, error)
        raise


async def _inspect_once(platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[Taken]]) -> Outcome:
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
    return Outcome(row_to_schema(row, detections, link), replayed=True)


async def _inspect(platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[Taken]]) -> Outcome:
    deadline = Deadline.from_now(platform.config.current.deadline_ms_at(order.station_id))
    if deadline is None:
        return await _inspect_in_place(platform, order, take, None)
    # The caller hears of a missed deadline at once. What is under way ends by itself, in the place that it took: a
    # thread of the network or of the disk cannot be called back.
    work = asyncio.create_task(_inspect_in_place(platform, order, take, deadline))
    await asyncio.wait({work}, timeout=deadline.left_s)
    if not work.done():
        platform.live.overdue.add(work)
        work.add_done_callback(partial(_note_overdue, platform))
        raise deadline.error()
    outcome = work.result()
    require_in_time(deadline)
    return outcome


def _note_overdue(platform: Platform, work: "asyncio.Task[Outcome]") -> None:
    platform.live.overdue.discard(work)
    if work.cancelled():
        return
    error = work.exception()
    if error is None:
        # The commit had begun in time and took the rest of it: the record stays, the caller was told an error.
        _log.warning("stored_too_late", inspection_id=work.result().inspection.id)
    elif not isinstance(error, TooLate):
        _log.warning("overdue_failed", error=str(error))


async def _inspect_in_place(
    platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[Taken]], deadline: Deadline | None
) -> Outcome:
    live = platform.live
    if order.is_background:
        async with live.precedence.background():
            with live.admission.enter():
                return await _inspect_admitted(platform, order, take, deadline)
    with live.precedence.line(), live.admission.enter():
        return await _inspect_admitted(platform, order, take, deadline)


async def _inspect_admitted(
    platform: Platform, order: InspectionOrder, take: Callable[[], Awaitable[Taken]], deadline: Deadline | None
) -> Outcome:
    started_s = time.perf_counter()
    stations = platform.live.stations
    rules = await stations.rules_of(order.station_id)
    taken = await take()
    try:
        answer = await inspect_and_store(
            platform,
            order,
            rules.recipe,
            taken,
            is_new_station=not rules.exists,
            started_s=started_s,
            deadline=deadline,
        )
    except IntegrityError:
        # Another process took the key between our look-up and our commit; its answer is the answer.
        stored = await asyncio.to_thread(_find_answer, platform, order)
        if stored is None:
            raise
        return stored
    if not rules.exists:
        stations.forget(order.station_id)
    if deadline is None or deadline.left_s:
        platform.live.verdict_alarm.judged(order.station_id, has_deadline=deadline is not None)
    return Outcome(answer)

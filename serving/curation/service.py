"""What curation asks of the platform: candidates, draws of the audit sample, and what the sample says."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final
from uuid import uuid4

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.curation import repository
from serving.curation.estimate import DrawTally, count_states, estimate
from serving.curation.repository import CandidateFilter, Passed, Place
from serving.curation.schemas import RANDOM_AUDIT, AuditOut, CandidateOut, DrawIn, DrawnOut, DrawOut, InQueue, lot_of
from serving.errors import Conflict, InvalidRequest
from serving.inspections import repository as inspections
from serving.platform import Platform
from serving.review.entry import uncertainty
from serving.review.service import put_item
from serving.tables import AuditDraw, AuditDrawItem, Inspection, InspectionDetection, ReviewItem

MOST_DRAWN: Final = 2000
# Of one transaction, behind which the line's own writes wait: 15 to 30 ms, measured on two busy cores.
_ENTERED_AT_ONCE: Final = 5


@dataclass(slots=True)
class Frame:
    """The passes of a window, counted, and those of them that were drawn.

    Attributes:
        since: First moment.
        until: The moment after the last.
        counts: How many there are, by station and version.
        drawn: Those whose lot is below the share, with it.
    """

    since: datetime
    until: datetime
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    drawn: list[tuple[Passed, float]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entered:
    """A drawn pass with its place in the review queue, None if the inspection is gone."""

    drawn: Passed
    lot: float
    item_id: str | None
    state: str | None
    added: bool


def list_candidates(
    platform: Platform, chosen: CandidateFilter, *, after: Place | None, limit: int
) -> list[CandidateOut]:
    """One page of inspections whose picture is still here, oldest first."""
    now = platform.clock()
    with platform.database.read() as session:
        rows = repository.candidates(session, chosen, after=after, limit=limit)
        found = inspections.detections_of(session, [inspection.id for inspection, _ in rows])
        link = platform.live.links.link_to
        return [_to_candidate(row, item, found.get(row.id, []), link(row.image_path, now)) for row, item in rows]


async def draw(platform: Platform, request: DrawIn, actor: Actor) -> DrawOut:
    """What was drawn from the passes of the window, all of it in the review queue.

    The pictures enter first, the record of the draw comes last: a draw that dies on the way is not counted, and drawn
    again it gives the same lots.

    Raises:
        InvalidRequest: It would put more into the queue than people can look at.
        Conflict: Another draw came in between.
    """
    frame = await asyncio.to_thread(_draw_lots, platform, request)
    if frame.since >= frame.until:
        return _to_draw_out(request, frame, [], None)
    if len(frame.drawn) > MOST_DRAWN:
        raise InvalidRequest(
            f"{len(frame.drawn)} of {frame.counts.total()} passes were drawn, at most {MOST_DRAWN} at once; "
            "take a smaller share"
        )
    entered: list[Entered] = []
    left = iter(frame.drawn)
    while chunk := list(islice(left, _ENTERED_AT_ONCE)):
        written = platform.database.write(partial(_enter, chunk=chunk))
        part = await asyncio.wrap_future(written)
        entered += part
    noting = partial(_note, request=request, frame=frame, entered=entered, actor=actor, now=platform.clock())
    draw_id = await asyncio.wrap_future(platform.database.write(noting))
    return _to_draw_out(request, frame, entered, draw_id)


def audit(
    session: Session, *, days: int, now: datetime, station_id: str | None = None, model_version: str | None = None
) -> AuditOut:
    """What the audit sample of the last days says.

    Args:
        session: To read from.
        days: Draws count whose window reaches into these.
        now: The present.
        station_id: Only the passes of that station.
        model_version: Only the passes of that version.
    """
    since = now - timedelta(days=days)
    drawn = repository.drawn_passes(session, since, station_id=station_id, model_version=model_version)
    tallies = [
        DrawTally(row.share, _passes_of(row, station_id, model_version), drawn.get(row.id, []))
        for row in repository.draws_since(session, since)
    ]
    found = estimate(tallies)
    return AuditOut(
        days=days,
        since=since,
        until=now,
        draws=len(tallies),
        complete_draws=sum(tally.is_complete for tally in tallies),
        passes=sum(tally.passes for tally in tallies),
        **count_states(tallies),
        escape_rate=found.escape_rate if found else None,
        interval=found.interval if found else None,
        estimate=found,
    )


def _draw_lots(platform: Platform, request: DrawIn) -> Frame:
    """The drawn passes. Whether one is drawn follows from its lot alone, whatever else is known of it.

    Above all it does not matter what is in the review queue already: leaving that out would leave out the pictures
    that somebody had a reason to doubt.
    """
    now = platform.clock()
    until = min(request.until or now, now)
    with platform.database.read() as session:
        earlier = repository.last_draw_end(session)
        frame = Frame(max(request.since, earlier) if earlier else request.since, until)
        if frame.since < until:
            for passed in repository.passes(session, frame.since, until):
                frame.counts[passed.station_id, passed.model_version] += 1
                lot = lot_of(request.seed, passed.inspection_id)
                if lot < request.share:
                    frame.drawn.append((passed, lot))
    return frame


def _enter(session: Session, chunk: Sequence[tuple[Passed, float]]) -> list[Entered]:
    """Puts drawn passes into the review queue, at its head. Runs in the writer."""
    reasons = [{"strategy": RANDOM_AUDIT, "score": 1.0}]
    entered = []
    for passed, lot in chunk:
        inspection = inspections.find_for_change(session, passed.inspection_id)
        if inspection is None or inspection.picture_deleted_at is not None:
            entered.append(Entered(passed, lot, None, None, added=False))
            continue
        item, outcome = put_item(session, inspection, reasons)
        entered.append(Entered(passed, lot, item.id, item.state, added=outcome == "added"))
    return entered


def _note(
    session: Session, request: DrawIn, frame: Frame, entered: Sequence[Entered], actor: Actor, now: datetime
) -> str:
    """The id of the draw, recorded. Runs in the writer."""
    draw_id = str(uuid4())
    values = {"since": frame.since, "until": frame.until, "share": request.share, "seed": request.seed}
    told = {**values, "since": frame.since.isoformat(), "until": frame.until.isoformat()}
    told |= {"passes": frame.counts.total(), "drawn": len(entered)}
    # First, because it lets no other process go on between our look at the other draws and our commit.
    record(session, actor, "audit_sample.drawn", f"audit-draw/{draw_id}", after=told, now=now)
    latest = repository.last_draw_end(session)
    if latest is not None and latest > frame.since:
        raise Conflict("another draw was made at the same time; draw again")
    groups = [
        {"station_id": station, "model_version": version, "passes": passes}
        for (station, version), passes in sorted(frame.counts.items())
    ]
    row = AuditDraw.model_validate(
        {
            **values,
            "id": draw_id,
            "passes": frame.counts.total(),
            "frame": groups,
            "created_at": now,
            "created_by": actor.name,
        }
    )
    repository.add_draw(session, row, [_to_draw_item(draw_id, each, session) for each in entered])
    return draw_id


def _to_draw_item(draw_id: str, entered: Entered, session: Session) -> AuditDrawItem:
    # The picture may have been deleted since it was entered.
    is_there = entered.item_id is not None and session.get(ReviewItem, entered.item_id) is not None
    return AuditDrawItem.model_validate(
        {
            "inspection_id": entered.drawn.inspection_id,
            "draw_id": draw_id,
            "item_id": entered.item_id if is_there else None,
            "station_id": entered.drawn.station_id,
            "model_version": entered.drawn.model_version,
            "lot": entered.lot,
        }
    )


def _to_draw_out(request: DrawIn, frame: Frame, entered: Sequence[Entered], draw_id: str | None) -> DrawOut:
    drawn = [
        DrawnOut.model_validate(
            {
                "inspection_id": each.drawn.inspection_id,
                "station_id": each.drawn.station_id,
                "state": each.state,
                "added": each.added,
            }
        )
        for each in entered
    ]
    return DrawOut(
        id=draw_id,
        since=frame.since,
        until=frame.until,
        share=request.share,
        seed=request.seed,
        passes=frame.counts.total(),
        drawn=drawn,
    )


def _to_candidate(
    row: Inspection, item: ReviewItem | None, found: Sequence[InspectionDetection], image_url: str
) -> CandidateOut:
    # Of a pass, the confidence is one minus the highest score that did not count: see `models.decide.Judgement`.
    highest = 1.0 - row.confidence if row.decision == "pass" else 0.0
    queued = item and InQueue.model_validate(
        {"state": item.state, "strategies": [reason["strategy"] for reason in item.reasons]}
    )
    return CandidateOut.model_validate(
        {
            "inspection_id": row.id,
            "station_id": row.station_id,
            "decision": row.decision,
            "created_at": row.created_at,
            "model_version": row.model_version,
            "uncertainty": uncertainty(found, row.thresholds, highest_not_counted=highest),
            "classes": sorted({each.class_name for each in found}),
            "image_sha256": row.image_sha256,
            "image_url": image_url,
            "in_queue": queued,
        }
    )


def _passes_of(row: AuditDraw, station_id: str | None, model_version: str | None) -> int:
    return sum(
        int(group["passes"])
        for group in row.frame
        if station_id in {None, group["station_id"]} and model_version in {None, group["model_version"]}
    )

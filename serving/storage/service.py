"""Passes of retention, step by step. The flow drives them; every decision is made here, beside the database."""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlmodel import Session

from serving.alerts.schemas import Said
from serving.alerts.service import raise_alert, resolve_alert
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict, NotFound, StorageUnavailable
from serving.platform import Platform
from serving.storage import repository
from serving.storage.planning import Circumstances, Plan, make_plan
from serving.storage.policy import DECISIONS, RetentionPolicy
from serving.storage.removal import finish_removals
from serving.storage.repository import Candidate, Marked
from serving.storage.schemas import PassOut, PolicyOut, RetentionIn
from serving.tables import RetentionPass

REFUSED_ALERT: Final = "retention:refused"


@dataclass(frozen=True, slots=True)
class _Chunk:
    decision: str
    candidates: list[Candidate]
    last_failures: int


async def begin(platform: Platform, wanted: RetentionIn, actor: Actor) -> PassOut:
    """A new pass with its plan: running, refused, or a dry run. One that runs already is superseded.

    Raises:
        StorageUnavailable: Disk or database do not answer.
    """
    if not wanted.dry_run:
        await asyncio.to_thread(finish_removals, platform.database, platform.live.media)
    plan = await asyncio.to_thread(_plan, platform, allow_more=wanted.allow_more)
    now, policy = platform.clock(), RetentionPolicy.of(platform.config.current)
    written = platform.database.write(lambda session: _begin(session, plan, policy, wanted, actor, now))
    return to_out(await asyncio.wrap_future(written))


async def delete_chunk(platform: Platform, pass_id: str, limit: int, actor: Actor) -> PassOut:
    """The pass after the next few pictures are gone, `finished` if there were none left.

    Args:
        platform: Where it runs.
        pass_id: A running pass.
        limit: Pictures at most.
        actor: Who drives the pass.

    Raises:
        NotFound: There is no such pass.
        Conflict: It does not run.
        StorageUnavailable: The database does not answer.
    """
    chunk, now = await asyncio.to_thread(_next_chunk, platform, pass_id, limit), platform.clock()
    if chunk is None:
        written = platform.database.write(lambda session: _finish(session, pass_id, actor, now))
        return to_out(await asyncio.wrap_future(written))
    marked = await asyncio.wrap_future(platform.database.write(lambda session: _mark(session, pass_id, chunk, now)))
    paths = [picture.image_path for picture in marked]
    gone = await asyncio.to_thread(platform.live.media.remove_all, paths)
    noted = platform.database.write(lambda session: _note_removed(session, pass_id, marked, gone))
    return to_out(await asyncio.wrap_future(noted))


def policy_out(policy: RetentionPolicy) -> PolicyOut:
    """The policy as it travels over the wire."""
    return PolicyOut(
        pass_days=policy.days.get("pass", 0),
        uncertain_days=policy.days.get("uncertain", 0),
        fail_days=policy.days.get("fail", 0),
        last_failures=policy.last_failures,
        free_target_percent=policy.free_target_percent,
        space_min_days=policy.space_min_days,
    )


def to_out(row: RetentionPass) -> PassOut:
    """The pass as it travels over the wire."""
    return PassOut.model_validate(row.model_dump())


def _plan(platform: Platform, *, allow_more: bool) -> Plan:
    try:
        disk = shutil.disk_usage(platform.settings.media_dir)
    except OSError as error:
        raise StorageUnavailable(f"the disk does not answer: {error.strerror}") from error
    now = platform.clock()
    around = Circumstances(now, platform.clock_watch.jump_s(now), disk.total, disk.free)
    with platform.database.read() as session:
        return make_plan(session, RetentionPolicy.of(platform.config.current), around, allow_more=allow_more)


def _begin(
    session: Session, plan: Plan, policy: RetentionPolicy, wanted: RetentionIn, actor: Actor, now: datetime
) -> RetentionPass:
    state = "dry_run" if wanted.dry_run else "refused" if plan.refusal else "running"
    row = RetentionPass.model_validate(
        {
            "id": str(uuid4()),
            "state": state,
            "reason": plan.refusal,
            "allow_more": wanted.allow_more,
            "policy": policy_out(policy).model_dump(),
            "cutoffs": {decision: cutoff.isoformat() for decision, cutoff in plan.cutoffs.items()},
            "stored": plan.stored.pictures,
            "stored_bytes": plan.stored.size_bytes,
            "planned": plan.planned.pictures,
            "planned_bytes": plan.planned.size_bytes,
            "planned_by_decision": {
                decision: {"pictures": amount.pictures, "bytes": amount.size_bytes}
                for decision, amount in plan.by_decision.items()
            },
            "started_by": actor.name,
            "started_at": now,
            "finished_at": None if state == "running" else now,
        }
    )
    if not wanted.dry_run:
        for earlier in repository.running_passes(session):
            earlier.state, earlier.finished_at = "superseded", now
            session.add(earlier)
        _tell(session, row, now)
        action = "retention.refused" if plan.refusal else "retention.begun"
        record(session, actor, action, _subject(row), after=_told(row), now=now)
    repository.add_pass(session, row)
    return row


def _tell(session: Session, row: RetentionPass, now: datetime) -> None:
    if row.reason is None:
        resolve_alert(session, REFUSED_ALERT, now=now)
    else:
        title = "Retention refused"
        said = Said("retention_refused", {"detail": row.reason})
        raise_alert(session, "warning", title, f"Nothing was deleted: {row.reason}", REFUSED_ALERT, now=now, said=said)


def _next_chunk(platform: Platform, pass_id: str, limit: int) -> _Chunk | None:
    with platform.database.read() as session:
        found = _require_running(repository.find_pass(session, pass_id))
        left = min(limit, found.planned - found.deleted)
        if left <= 0:
            return None
        position = found.position or {"decision": DECISIONS[0]}
        last_failures = int(found.policy["last_failures"])
        for decision in DECISIONS[DECISIONS.index(position["decision"]) :]:
            cutoff = found.cutoffs.get(decision)
            if cutoff is None:
                continue
            candidates = repository.next_candidates(
                session,
                decision,
                datetime.fromisoformat(cutoff),
                after=_reached(position, decision),
                last_failures=last_failures,
                limit=left,
            )
            if candidates:
                return _Chunk(decision, candidates, last_failures)
    return None


def _reached(position: dict[str, Any], decision: str) -> Candidate | None:
    if position["decision"] != decision or "created_at" not in position:
        return None
    return Candidate(datetime.fromisoformat(position["created_at"]), position["id"])


def _mark(session: Session, pass_id: str, chunk: _Chunk, now: datetime) -> list[Marked]:
    row = _require_running(repository.find_pass_for_change(session, pass_id))
    ids = [candidate.inspection_id for candidate in chunk.candidates]
    marked = repository.mark_deleted(session, ids, last_failures=chunk.last_failures, now=now)
    last = chunk.candidates[-1]
    row.position = {"decision": chunk.decision, "created_at": last.created_at.isoformat(), "id": last.inspection_id}
    row.deleted += len(marked)
    session.add(row)
    return marked


def _note_removed(session: Session, pass_id: str, marked: list[Marked], gone: frozenset[str]) -> RetentionPass:
    row = repository.find_pass_for_change(session, pass_id)
    if row is None:
        raise NotFound("there is no such pass")
    repository.forget_removals(session, gone)
    row.deleted_bytes += sum(picture.size_bytes for picture in marked if picture.image_path in gone)
    row.failed += len(marked) - len(gone)
    session.add(row)
    return row


def _finish(session: Session, pass_id: str, actor: Actor, now: datetime) -> RetentionPass:
    row = _require_running(repository.find_pass_for_change(session, pass_id))
    row.state, row.finished_at = "finished", now
    session.add(row)
    record(session, actor, "retention.finished", _subject(row), after=_told(row), now=now)
    return row


def _require_running(row: RetentionPass | None) -> RetentionPass:
    if row is None:
        raise NotFound("there is no such pass")
    if row.state != "running":
        raise Conflict(f"the pass is {row.state}")
    return row


def _subject(row: RetentionPass) -> str:
    return f"retention/{row.id}"


def _told(row: RetentionPass) -> dict[str, Any]:
    numbers = {"stored", "planned", "planned_bytes", "deleted", "deleted_bytes", "failed"}
    return row.model_dump(include=numbers | {"allow_more", "policy", "cutoffs", "reason"})

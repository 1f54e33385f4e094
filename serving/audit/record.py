"""`record`: one entry in the audit log, in the transaction of the act that it tells of."""

from datetime import datetime
from functools import partial
from typing import Any, Final

from sqlmodel import Session

from serving.audit import repository
from serving.audit.actor import Actor
from serving.audit.anchor import BEGINNING, Anchor, Link
from serving.audit.chain import AFTER_COMMIT, SESSION_KEY, AuditChain
from serving.audit.content import to_text
from serving.clock import utc_now
from serving.tables import AuditEntry

_ADVANCE: Final = "audit_advance"


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject: str,
    *,
    before: object = None,
    after: object = None,
    now: datetime | None = None,
) -> int:
    """The number of the new entry. The act and its entry are kept together or not at all.

    Args:
        session: That of a `Database.write` job.
        actor: Who acts; endpoints get theirs as `CurrentActor`.
        action: What was done, like `station.configured`: the noun, a dot, the verb in the past.
        subject: What it was done to, like `station/line-1`.
        before: How it was, as anything that JSON can say; secrets are struck out.
        after: How it is now, or further particulars.
        now: The present, UTC.

    Raises:
        RuntimeError: The session is not one of `Database.write`, or its database was opened without an audit chain.
    """
    chain = session.info.get(SESSION_KEY)
    if not isinstance(chain, AuditChain):
        msg = "privileged acts need a database with an audit chain"
        raise RuntimeError(msg)  # noqa: TRY004 - a fault of the program, not of a value
    repository.lock_chain(session)
    last = repository.last_link(session)
    entry = AuditEntry.model_validate(
        {
            "seq": last.seq + 1,
            "at": now or utc_now(),
            "actor_kind": actor.kind,
            "actor_id": actor.id,
            "actor_name": actor.name,
            "address": actor.address,
            "request_id": actor.request_id,
            "action": action,
            "subject": subject[:200],
            "before": to_text(before),
            "after": to_text(after),
            "mac": "",
        }
    )
    entry.mac = chain.mac_of(entry, last.mac)
    repository.add(session, entry)
    _anchor_after_commit(session, chain, last, Link(entry.seq, entry.mac))
    return entry.seq


def _anchor_after_commit(session: Session, chain: AuditChain, last: Link, newest: Link) -> None:
    earlier = session.info.get(_ADVANCE)
    if earlier is None:
        anchored = chain.anchor.read()
        earlier = {"seen": anchored, "continues": _continues(session, anchored, last)}
        callbacks: list[Any] = session.info.setdefault(AFTER_COMMIT, [])
        callbacks.append(partial(_advance, chain.anchor, earlier))
        session.info[_ADVANCE] = earlier
    # Of several entries in one transaction the newest is anchored, with one wait for the disk.
    earlier["newest"] = newest


def _advance(anchor: Anchor, order: dict[str, Any]) -> None:
    anchor.advance(**order)


def _continues(session: Session, anchored: Link | None, last: Link) -> bool:
    """Whether the entry that the anchor names is still there, so that the anchor may move on."""
    if anchored is None:
        return last == BEGINNING
    return anchored in {BEGINNING, last} or repository.link_at(session, anchored.seq) == anchored

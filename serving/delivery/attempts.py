"""The life of one delivery: taken, tried, told or tried again later, given up. The sessions are of `Database.write`."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session

from serving.alerts.schemas import Said
from serving.alerts.service import raise_alert, resolve_alert
from serving.delivery import repository
from serving.delivery.message import DeliveryFailed, Message
from serving.delivery.planning import failing_key, is_held_back
from serving.tables import AlertDelivery

MOST_TRIES: Final = 12
FIRST_PAUSE_S: Final = 5.0
MOST_PAUSE_S: Final = 3600.0
ALARMING_TRIES: Final = 4
"""From so many tries in vain on, an alert says so; three cover a receiver that restarts."""
# Nobody else tries meanwhile. A process that dies while it sends leaves the delivery to whoever comes after that time.
LEASE: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that is this process's to try.

    Attributes:
        number: Its number.
        attempts: How many tries there were with this one; says whether it is still ours afterwards.
        message: What to tell.
    """

    number: int
    attempts: int
    message: Message


def take(session: Session, number: int, target: str, now: datetime) -> Taken | None:
    """The delivery, counted as tried; None if there is nothing to tell, or somebody else is at it."""
    row = repository.take(session, number, target, now)
    if row is None:
        return None
    if _is_pointless(session, row):
        row.state, row.ended_at = "skipped", now
        session.add(row)
        return None
    row.attempts += 1
    row.next_try_at = now + LEASE
    session.add(row)
    told: dict[str, Any] = {"number": str(number), "event": row.event, "alert": dict(row.alert)}
    return Taken(number, row.attempts, Message(**told))


def give_back(session: Session, taken: Taken, now: datetime) -> None:
    """The process ends before the try did: it counts for nothing, and the next process makes it at once."""
    row = _ours(session, taken)
    if row is not None:
        row.attempts -= 1
        row.next_try_at = now
        session.add(row)


def note_told(session: Session, taken: Taken, note: str | None, now: datetime) -> None:
    """The target has it."""
    row = _ours(session, taken)
    if row is None:
        return
    row.state, row.ended_at, row.last_error = "sent", now, note[:500] if note else None
    session.add(row)
    resolve_alert(session, failing_key(row.target), now)


def note_failed(session: Session, taken: Taken, error: DeliveryFailed, now: datetime) -> bool:
    """Whether it is given up: the target does not have it."""
    row = _ours(session, taken)
    if row is None:
        return False
    row.last_error = str(error)[:500]
    if error.is_final or row.attempts >= MOST_TRIES:
        row.state, row.ended_at = "failed", now
    else:
        row.next_try_at = now + pause_after(row.attempts)
    session.add(row)
    if row.state == "failed" or row.attempts >= ALARMING_TRIES:
        _alarm(session, row, now)
    return row.state == "failed"


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many tries: twice as long each time, up to an hour, and up to half of it less.

    The part left to chance keeps a receiver that comes back from being met by all senders at once.
    """
    longest_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempts - 1))
    return timedelta(seconds=longest_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret hangs on it


def _is_pointless(session: Session, row: AlertDelivery) -> bool:
    if row.event == "resolved":  # of what was never told
        earlier = repository.raised_of(session, row.alert_id, row.target)
        return not any(told.state == "sent" for told in earlier)
    if not is_held_back(row):
        return False
    # The same came and went a short while ago, and may be gone again meanwhile.
    alert = repository.find_alert(session, row.alert_id)
    return alert is None or alert.resolved_at is not None


def _alarm(session: Session, row: AlertDelivery, now: datetime) -> None:
    state = "given up" if row.state == "failed" else "tried again"
    message = (
        f"{row.target} was not told of the alert {row.alert.get('title')!r} in {row.attempts} tries ({state}): "
        f"{row.last_error}"
    )
    figures: dict[str, str | int] = {"target": row.target, "alert": str(row.alert.get("title")), "tries": row.attempts}
    code = "delivery_given_up" if row.state == "failed" else "delivery_failing"
    said = Said(code, {**figures, "detail": row.last_error or ""})
    raise_alert(session, "error", "Alert delivery failing", message, failing_key(row.target), now=now, said=said)


def _ours(session: Session, taken: Taken) -> AlertDelivery | None:
    row = repository.find_for_change(session, taken.number)
    return row if row is not None and row.state == "pending" and row.attempts == taken.attempts else None

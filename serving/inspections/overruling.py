"""A person overrules a verdict. What the model said stays as it is; beside it stands what the person says, and why.

The picture becomes training data: a part that a person passes is labelled as good; one that a person fails goes to the
head of the review queue, where its defects are marked, unless they come along.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict, NotFound
from serving.inspections import repository
from serving.inspections.schemas import OverruleIn
from serving.review import repository as queue
from serving.review import service as review
from serving.tables import Inspection, ReviewItem

OVERRULED: Final = "overruled"
"""The strategy under which the picture stands in the review queue, before all others."""


def overrule(
    session: Session,
    inspection_id: str,
    wanted: OverruleIn,
    *,
    model_classes: Sequence[str],
    actor: Actor,
    now: datetime,
) -> tuple[Inspection, ReviewItem | None]:
    """The overruled inspection, and the item of its picture in the queue; None once the picture is deleted.

    Runs in the writer.

    Raises:
        NotFound: There is no such inspection.
        Conflict: The verdict that holds is the one that is wanted.
        InvalidRequest: A label does not fit the picture, or names a class that nobody knows.
    """
    row = repository.find_for_change(session, inspection_id)
    if row is None:
        raise NotFound("there is no such inspection")
    if wanted.decision == (row.overruled_to or row.decision):
        raise Conflict(f"the verdict is {wanted.decision} already")
    before = _told(row)
    row.overruled_to, row.overrule_reason = wanted.decision, wanted.reason
    row.overruled_by, row.overruled_at = actor.name, now
    session.add(row)
    record(session, actor, "inspection.overruled", f"inspection/{row.id}", before=before, after=_told(row), now=now)
    if row.picture_deleted_at is not None:
        return row, None
    return row, _teach(session, row, wanted, model_classes=model_classes, actor=actor, now=now)


def _teach(
    session: Session,
    row: Inspection,
    wanted: OverruleIn,
    *,
    model_classes: Sequence[str],
    actor: Actor,
    now: datetime,
) -> ReviewItem:
    item, _ = review.put_item(session, row, [{"strategy": OVERRULED, "score": 1.0}])
    if wanted.decision == "pass" or wanted.annotations:
        labels = [each.to_label() for each in wanted.annotations]
        review.annotate(
            session,
            item.id,
            labels,
            model_classes=model_classes,
            reviewed_by=actor.name,
            by=actor,
            now=now,
            replace=True,
        )
    elif not queue.labels_of(session, [item.id]):
        # Skipped, or labelled as good until now: it must not teach that this is a good part.
        item.state, item.reviewed_by, item.reviewed_at = "pending", None, None
        session.add(item)
    return item


def _told(row: Inspection) -> dict[str, Any]:
    return {"decision": row.decision, "overruled_to": row.overruled_to, "reason": row.overrule_reason}

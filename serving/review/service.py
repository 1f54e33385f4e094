"""What may be done with the queue. The sessions are those of `Database.write` jobs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict, InvalidRequest, NotFound
from serving.inspections import repository as inspections
from serving.review import entry, repository
from serving.review.labels import Label, fitted
from serving.review.schemas import AnnotatedOut, ItemsIn, ItemsOut, StatsOut
from serving.tables import Inspection, ReviewItem

Outcome = Literal["added", "updated", "labeled"]


def stats(session: Session) -> StatsOut:
    """How far the queue is."""
    states = repository.count_by_state(session)
    return StatsOut(
        pending=states.get("pending", 0),
        labeled=states.get("labeled", 0),
        trained=states.get("trained", 0),
        skipped=states.get("skipped", 0),
        total=sum(states.values()),
        good_parts=repository.count_good(session),
        per_class=dict(repository.count_by_class(session)),
    )


def known_classes(session: Session, model_classes: Sequence[str]) -> list[str]:
    """The model's classes in its order, then those that only labels know."""
    return [*model_classes, *(name for name in repository.count_by_class(session) if name not in model_classes)]


def annotate(
    session: Session,
    item_id: str,
    labels: Sequence[Label],
    *,
    model_classes: Sequence[str],
    reviewed_by: str,
    by: Actor,
    now: datetime,
    replace: bool = False,
    allow_new_classes: bool = False,
) -> AnnotatedOut:
    """The item, labelled.

    Raises:
        NotFound: There is no such item.
        Conflict: It is labelled already and `replace` is not set.
        InvalidRequest: A label does not fit the picture, or names a new class without leave.
    """
    item = _require(session, item_id)
    if item.state in repository.LABELED_STATES and not replace:
        raise Conflict(f"the picture is labelled already, by {item.reviewed_by}; ?replace=true labels it anew")
    checked = fitted(labels, shape_hw=(item.height_px, item.width_px))
    known = set(known_classes(session, model_classes))
    new_classes = sorted({label.class_name for label in checked} - known)
    if new_classes and not allow_new_classes:
        raise InvalidRequest(
            f"there is no class {', '.join(new_classes[:5])}; an engineer makes new ones with ?allow_new_classes=true"
        )
    before = {"state": item.state, "labels": _labels_json(session, item_id)}
    repository.replace_labels(session, item_id, checked)
    item.state, item.reviewed_by, item.reviewed_at = "labeled", reviewed_by, now
    session.add(item)
    after = {"labels": [label.to_json() for label in checked], "new_classes": new_classes, "reviewed_by": reviewed_by}
    record(session, by, "review.annotated", f"review-item/{item_id}", before=before, after=after, now=now)
    return AnnotatedOut(
        id=item_id,
        state="labeled",
        annotations=len(checked),
        new_classes=new_classes,
        reviewed_by=reviewed_by,
        reviewed_at=now,
    )


def skip(session: Session, item_id: str, *, by: Actor, now: datetime) -> AnnotatedOut:
    """The item, taken out of the queue without a label: nobody could say what it shows.

    Raises:
        NotFound: There is no such item.
        Conflict: It is labelled already.
    """
    item = _require(session, item_id)
    if item.state in repository.LABELED_STATES:
        raise Conflict("the picture is labelled already")
    item.state, item.reviewed_by, item.reviewed_at = "skipped", by.name, now
    session.add(item)
    record(session, by, "review.skipped", f"review-item/{item_id}", now=now)
    return AnnotatedOut(
        id=item_id, state="skipped", annotations=0, new_classes=[], reviewed_by=by.name, reviewed_at=now
    )


def put_items(session: Session, request: ItemsIn, *, by: Actor) -> ItemsOut:
    """What became of the inspections that curation wants looked at."""
    added = updated = labeled = 0
    unknown: list[str] = []
    for wanted in request.items:
        inspection = inspections.find_for_change(session, wanted.inspection_id)
        if inspection is None or inspection.picture_deleted_at is not None:
            unknown.append(wanted.inspection_id)
            continue
        _, outcome = put_item(session, inspection, [reason.model_dump() for reason in wanted.reasons])
        added += outcome == "added"
        updated += outcome == "updated"
        labeled += outcome == "labeled"
    told = {"added": added, "updated": updated, "labeled": labeled, "unknown": len(unknown)}
    record(session, by, "review.queued", "review-queue", after=told)
    return ItemsOut(added=added, updated=updated, labeled=labeled, unknown=unknown)


def put_item(session: Session, inspection: Inspection, reasons: list[dict[str, Any]]) -> tuple[ReviewItem, Outcome]:
    """The queue's item of an inspection's picture, and what became of it. Runs in the writer.

    A picture that waits already gets the reasons on top; what people have labelled or skipped stays as it is.
    """
    item = repository.find_by_content(session, inspection.image_sha256)
    if item is None:
        detections = inspections.detections_of(session, [inspection.id]).get(inspection.id, [])
        if repository.add_if_new(session, entry.new_item(inspection, detections, reasons)):
            return _by_content(session, inspection), "added"
        item = _by_content(session, inspection)  # another process was faster
    if item.state != "pending":
        return item, "labeled"
    _merge_reasons(session, item, reasons)
    return item, "updated"


def require_deletable(session: Session, inspection_id: str) -> None:
    """Refuses to let go of an inspection whose picture people have labelled.

    Raises:
        Conflict: It is training data.
    """
    item = repository.find_by_inspection(session, inspection_id)
    if item is not None and item.state in repository.LABELED_STATES:
        raise Conflict("the picture is labelled and thereby training data; it stays")


def _require(session: Session, item_id: str) -> ReviewItem:
    item = repository.find(session, item_id)
    if item is None:
        raise NotFound("there is no such picture in the queue")
    return item


def _by_content(session: Session, inspection: Inspection) -> ReviewItem:
    item = repository.find_by_content(session, inspection.image_sha256)
    if item is None:
        raise Conflict("the picture stands in the queue under another inspection")
    return item


def _merge_reasons(session: Session, item: ReviewItem, reasons: list[dict[str, Any]]) -> None:
    told = {str(reason["strategy"]): reason for reason in [*item.reasons, *reasons]}
    item.reasons = list(told.values())
    item.priority = entry.priority_of(item.reasons)
    session.add(item)


def _labels_json(session: Session, item_id: str) -> list[dict[str, Any]]:
    return [label.to_json() for label in repository.labels_of(session, [item_id]).get(item_id, [])]

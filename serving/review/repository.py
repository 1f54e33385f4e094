"""Every query on the review queue."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, delete, func, insert, select

from serving.review.labels import Label
from serving.tables import Annotation, ReviewItem

LABELED_STATES = ("labeled", "trained")


def find(session: Session, item_id: str) -> ReviewItem | None:
    """The item of that id."""
    return session.get(ReviewItem, item_id)


def find_by_content(session: Session, sha256: str) -> ReviewItem | None:
    """The item whose picture has these bytes."""
    return session.exec(select(ReviewItem).where(ReviewItem.image_sha256 == sha256)).one_or_none()


def find_by_inspection(session: Session, inspection_id: str) -> ReviewItem | None:
    """The item that an inspection put there."""
    return session.exec(select(ReviewItem).where(ReviewItem.inspection_id == inspection_id)).one_or_none()


def add_if_new(session: Session, item: ReviewItem) -> bool:
    """Whether the item was stored; False if its picture or inspection is there already. Never fails for that."""
    on_postgres = session.get_bind().dialect.name == "postgresql"
    statement = (postgresql.insert if on_postgres else sqlite.insert)(ReviewItem).values(item.model_dump())
    # By what comes back: psycopg's row count is no answer here (measured: never above 0).
    stored = session.connection().execute(statement.on_conflict_do_nothing().returning(col(ReviewItem.id)))
    return stored.first() is not None


def next_pending(session: Session, limit: int) -> Sequence[ReviewItem]:
    """The most useful pictures that nobody has looked at; the older first among equals."""
    query = select(ReviewItem).where(ReviewItem.state == "pending")
    query = query.order_by(col(ReviewItem.priority).desc(), col(ReviewItem.created_at), col(ReviewItem.id))
    return session.exec(query.limit(limit)).all()


def count_by_state(session: Session) -> Mapping[str, int]:
    """The number of items in each state that has any."""
    return dict(session.exec(select(ReviewItem.state, func.count()).group_by(ReviewItem.state)).all())


def count_by_class(session: Session) -> Mapping[str, int]:
    """The number of labels of each class."""
    query = select(Annotation.class_name, func.count()).group_by(Annotation.class_name)
    return dict(session.exec(query.order_by(Annotation.class_name)).all())


def count_good(session: Session) -> int:
    """The number of labelled items without any defect."""
    labels = select(Annotation.id).where(Annotation.item_id == ReviewItem.id)
    query = select(func.count()).select_from(ReviewItem).where(col(ReviewItem.state).in_(LABELED_STATES))
    return session.exec(query.where(~labels.exists())).one()


def labelled_items(session: Session) -> Sequence[ReviewItem]:
    """Every labelled item, oldest first."""
    query = select(ReviewItem).where(col(ReviewItem.state).in_(LABELED_STATES))
    return session.exec(query.order_by(col(ReviewItem.created_at), col(ReviewItem.id))).all()


def replace_labels(session: Session, item_id: str, labels: Sequence[Label]) -> None:
    """Stores what is wrong with a part, in place of what was said before."""
    session.exec(delete(Annotation).where(col(Annotation.item_id) == item_id))
    rows = [_to_row(item_id, position, label) for position, label in enumerate(labels)]
    if rows:
        session.execute(insert(Annotation), [row.model_dump(exclude={"id"}) for row in rows])


def labels_of(session: Session, item_ids: Iterable[str]) -> Mapping[str, list[Label]]:
    """The labels of each item, in their order; an item without any is missing."""
    query = select(Annotation).where(col(Annotation.item_id).in_(list(item_ids)))
    found: dict[str, list[Label]] = {}
    for row in session.exec(query.order_by(col(Annotation.item_id), col(Annotation.position))):
        found.setdefault(row.item_id, []).append(_to_label(row))
    return found


def image_paths_of(session: Session, item_ids: Iterable[str]) -> Mapping[str, str]:
    """The picture's path by item id, for those ids that exist."""
    query = select(ReviewItem.id, ReviewItem.image_path).where(col(ReviewItem.id).in_(list(item_ids)))
    return dict(session.exec(query).all())


def _to_row(item_id: str, position: int, label: Label) -> Annotation:
    x_min, y_min, x_max, y_max = label.box_xyxy
    return Annotation.model_validate(
        {
            "item_id": item_id,
            "position": position,
            "class_name": label.class_name,
            "x_min_px": x_min,
            "y_min_px": y_min,
            "x_max_px": x_max,
            "y_max_px": y_max,
            "mask_polygon": label.to_json()["rings"],
        }
    )


def _to_label(row: Annotation) -> Label:
    rings = tuple(tuple((float(x), float(y)) for x, y in ring) for ring in row.mask_polygon)
    return Label(row.class_name, (row.x_min_px, row.y_min_px, row.x_max_px, row.y_max_px), rings)

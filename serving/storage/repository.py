"""Every query on stored pictures, passes of retention, and files that are still to be removed."""

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, literal_column, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, delete, func, insert, select, update

from serving.tables import DatasetPicture, Inspection, PictureRemoval, RetentionPass, ReviewItem


@dataclass(frozen=True, slots=True)
class Amount:
    """Some pictures.

    Attributes:
        pictures: How many.
        size_bytes: Their size together.
    """

    pictures: int
    size_bytes: int

    def __add__(self, other: "Amount") -> "Amount":
        """Both together."""
        return Amount(self.pictures + other.pictures, self.size_bytes + other.size_bytes)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture that may go, and its place in the order by age."""

    created_at: datetime
    inspection_id: str


@dataclass(frozen=True, slots=True)
class Marked:
    """A picture whose row says now that it is deleted; its file is still there."""

    image_path: str
    size_bytes: int


def stored(session: Session) -> Amount:
    """The pictures of all inspections that still have theirs."""
    query = select(func.count(), func.coalesce(func.sum(col(Inspection.image_bytes)), 0))
    pictures, size_bytes = session.exec(query.where(col(Inspection.picture_deleted_at).is_(None))).one()
    return Amount(int(pictures), int(size_bytes))


def imported(session: Session) -> Amount:
    """The pictures that came with data sets."""
    query = select(func.count(), func.coalesce(func.sum(col(ReviewItem.image_bytes)), 0))
    pictures, size_bytes = session.exec(query.where(ReviewItem.source == "import")).one()
    return Amount(int(pictures), int(size_bytes))


def deletable(session: Session, decision: str, cutoff: datetime, last_failures: int) -> Amount:
    """The pictures of a decision that are older and that nothing protects."""
    query = select(func.count(), func.coalesce(func.sum(col(Inspection.image_bytes)), 0))
    query = query.where(*_of(decision, cutoff), *_unprotected(last_failures))
    pictures, size_bytes = session.exec(query).one()
    return Amount(int(pictures), int(size_bytes))


def oldest_passes(session: Session, since: datetime, until: datetime) -> Generator[tuple[datetime, int]]:
    """Time and size of the unprotected pictures of *pass* in [since, until), oldest first. Close it when done."""
    query = select(Inspection.created_at, Inspection.image_bytes).where(
        *_of("pass", until), *_unprotected(0), col(Inspection.created_at) >= since
    )
    with session.exec(query.order_by(col(Inspection.created_at)).execution_options(yield_per=1000)) as rows:
        yield from rows


def next_candidates(
    session: Session, decision: str, cutoff: datetime, *, after: Candidate | None, last_failures: int, limit: int
) -> list[Candidate]:
    """The oldest pictures of a decision that may go, after that one in the order by age."""
    created_at, own_id = col(Inspection.created_at), col(Inspection.id)
    query = select(Inspection.created_at, Inspection.id)
    query = query.where(*_of(decision, cutoff), *_unprotected(last_failures))
    if after is not None:
        query = query.where(
            created_at >= after.created_at, or_(created_at > after.created_at, own_id > after.inspection_id)
        )
    return [Candidate(*row) for row in session.exec(query.order_by(created_at, own_id).limit(limit))]


def mark_deleted(session: Session, inspection_ids: Sequence[str], *, last_failures: int, now: datetime) -> list[Marked]:
    """Those pictures whose rows say from now on that they are deleted; what is protected meanwhile is left out.

    The rows are locked first and judged after that: whoever puts an inspection on hold or into the queue at the same
    moment locks it too, so one of the two sees what the other did.
    """
    chosen = col(Inspection.id).in_(inspection_ids)
    session.exec(select(Inspection.id).where(chosen).order_by(col(Inspection.id)).with_for_update()).all()
    query = select(Inspection.id, Inspection.image_path, Inspection.image_bytes)
    rows = session.exec(
        query.where(chosen, col(Inspection.picture_deleted_at).is_(None), *_unprotected(last_failures))
    ).all()
    if not rows:
        return []
    ids = [inspection_id for inspection_id, _, _ in rows]
    # What is left of them in the queue is what nobody could label; without a picture nobody ever will.
    session.exec(delete(ReviewItem).where(col(ReviewItem.inspection_id).in_(ids)))
    session.exec(update(Inspection).where(col(Inspection.id).in_(ids)).values(picture_deleted_at=now))
    session.execute(insert(PictureRemoval), [{"image_path": path, "created_at": now} for _, path, _ in rows])
    return [Marked(path, size_bytes) for _, path, size_bytes in rows]


def removals(session: Session, after: str, limit: int) -> Sequence[str]:
    """Files that are still to be removed, by path after that one."""
    query = select(PictureRemoval.image_path).where(col(PictureRemoval.image_path) > after)
    return session.exec(query.order_by(col(PictureRemoval.image_path)).limit(limit)).all()


def forget_removals(session: Session, paths: Iterable[str]) -> None:
    """Strikes files off that are gone."""
    session.exec(delete(PictureRemoval).where(col(PictureRemoval.image_path).in_(list(paths))))


def find_pass(session: Session, pass_id: str) -> RetentionPass | None:
    """The pass of that id."""
    return session.get(RetentionPass, pass_id)


def find_pass_for_change(session: Session, pass_id: str) -> RetentionPass | None:
    """The same, locked until the transaction ends."""
    return session.get(RetentionPass, pass_id, with_for_update=True)


def running_passes(session: Session) -> Sequence[RetentionPass]:
    """Passes that have begun and not ended; more than one at most for a moment."""
    return session.exec(select(RetentionPass).where(RetentionPass.state == "running").with_for_update()).all()


def latest_pass(session: Session) -> RetentionPass | None:
    """The newest pass that was no dry run."""
    query = select(RetentionPass).where(RetentionPass.state != "dry_run")
    return session.exec(query.order_by(col(RetentionPass.started_at).desc()).limit(1)).first()


def add_pass(session: Session, row: RetentionPass) -> None:
    """Stores a new pass."""
    session.add(row)
    session.flush()


def _of(decision: str, cutoff: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Inspection.decision) == decision,
        col(Inspection.created_at) < cutoff,
        col(Inspection.picture_deleted_at).is_(None),
    )


def _unprotected(last_failures: int) -> tuple[ColumnElement[bool], ...]:
    """What must hold of a picture that may go. The one place that says it."""
    in_dataset = select(DatasetPicture.item_id).where(DatasetPicture.item_id == ReviewItem.id).exists()
    in_queue = (
        select(ReviewItem.id)
        .where(ReviewItem.inspection_id == Inspection.id, or_(col(ReviewItem.state) != "skipped", in_dataset))
        .exists()
    )
    rules = (col(Inspection.held_at).is_(None), ~in_queue)
    if last_failures == 0:
        return rules
    newer = aliased(Inspection)
    # With a literal, as in the index: SQLite does not use a partial index for a value that it learns later.
    a_failure = newer.decision == literal_column("'fail'")
    enough_newer = (
        select(newer.id)
        .where(newer.station_id == Inspection.station_id, a_failure, col(newer.picture_deleted_at).is_(None))
        .where(col(newer.created_at) >= col(Inspection.created_at))
        .where(or_(col(newer.created_at) > col(Inspection.created_at), col(newer.id) > col(Inspection.id)))
        .offset(last_failures - 1)
        .limit(1)
        .exists()
    )
    return (*rules, or_(col(Inspection.decision) != "fail", enough_newer))

"""Every query on data sets and imports."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlmodel import Session, col, delete, func, insert, select, update

from serving.tables import Dataset, DatasetImport, DatasetPicture, ReviewItem

_PAGE = 500


def find(session: Session, dataset_id: str) -> Dataset | None:
    """The data set of that id, once it is complete."""
    dataset = session.get(Dataset, dataset_id)
    return dataset if dataset is not None and dataset.digest is not None else None


def find_by_digest(session: Session, digest: str) -> Dataset | None:
    """The data set with these contents."""
    return session.exec(select(Dataset).where(Dataset.digest == digest)).one_or_none()


def list_complete(session: Session) -> Sequence[Dataset]:
    """Every complete data set, newest first."""
    query = select(Dataset).where(col(Dataset.digest).is_not(None))
    return session.exec(query.order_by(col(Dataset.created_at).desc(), col(Dataset.id))).all()


def add(session: Session, row: Dataset | DatasetImport) -> None:
    """Stores a new row, at once visible to foreign keys."""
    session.add(row)
    session.flush()


def remove(session: Session, dataset_id: str) -> None:
    """Deletes a data set; its pictures and their labels stay."""
    session.exec(delete(Dataset).where(col(Dataset.id) == dataset_id))


def add_pictures(session: Session, rows: Sequence[DatasetPicture]) -> None:
    """Stores pictures of a data set."""
    if rows:
        session.execute(insert(DatasetPicture), [row.model_dump() for row in rows])


def has_picture(session: Session, dataset_id: str, item_id: str) -> bool:
    """Whether the picture is in the data set."""
    return session.get(DatasetPicture, (dataset_id, item_id)) is not None


def pictures_of(session: Session, dataset_id: str) -> Iterator[tuple[DatasetPicture, ReviewItem]]:
    """The pictures of a data set, by name."""
    last = ""
    while True:
        query = (
            select(DatasetPicture, ReviewItem)
            .join(ReviewItem, col(DatasetPicture.item_id) == col(ReviewItem.id))
            .where(DatasetPicture.dataset_id == dataset_id, col(DatasetPicture.name) > last)
        )
        rows = session.exec(query.order_by(col(DatasetPicture.name)).limit(_PAGE)).all()
        yield from rows
        if len(rows) < _PAGE:
            return
        last = rows[-1][0].name


def mark_trained(session: Session, dataset_id: str, model_version: str) -> int:
    """The number of labelled pictures of the data set, all of them marked as trained now."""
    members = select(DatasetPicture.item_id).where(DatasetPicture.dataset_id == dataset_id)
    chosen = (col(ReviewItem.id).in_(members), col(ReviewItem.state).in_(("labeled", "trained")))
    count = session.exec(select(func.count()).select_from(ReviewItem).where(*chosen)).one()
    session.exec(update(ReviewItem).where(*chosen).values(state="trained", trained_version=model_version))
    return count


def find_import(session: Session, import_id: str) -> DatasetImport | None:
    """The import of that id."""
    return session.get(DatasetImport, import_id)


def count_running(session: Session) -> int:
    """The number of imports that run."""
    query = select(func.count()).select_from(DatasetImport).where(DatasetImport.state == "running")
    return session.exec(query).one()


def update_import(session: Session, import_id: str, **values: Any) -> None:
    """Changes columns of an import."""
    session.exec(update(DatasetImport).where(col(DatasetImport.id) == import_id).values(**values))


def fail_running(session: Session, detail: str) -> None:
    """Marks every running import as failed."""
    statement = update(DatasetImport).where(col(DatasetImport.state) == "running")
    session.exec(statement.values(state="failed", detail=detail))


def remove_unfinished(session: Session) -> None:
    """Deletes the data sets that were never completed."""
    session.exec(delete(Dataset).where(col(Dataset.digest).is_(None)))

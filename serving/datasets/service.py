"""Making, completing and using data sets. The sessions are those of `Database.write` jobs."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.datasets import repository
from serving.datasets.schemas import DatasetOut, TrainedOut
from serving.errors import InvalidRequest, NotFound
from serving.review import repository as review
from serving.tables import Dataset, DatasetPicture, ReviewItem


def begin(session: Session, name: str, *, created_by: str, now: datetime) -> str:
    """The id of a new data set that is to be filled and then completed."""
    dataset = Dataset.model_validate(
        {
            "id": str(uuid4()),
            "name": name,
            "class_names": [],
            "counts": {},
            "created_at": now,
            "created_by": created_by,
        }
    )
    repository.add(session, dataset)
    return dataset.id


def complete(session: Session, dataset_id: str, class_names: Sequence[str]) -> str | None:
    """The id of the data set, from now on unchangeable: an older one if that has the same contents; None if empty."""
    dataset = session.get(Dataset, dataset_id)
    if dataset is None:
        raise NotFound("there is no such data set")
    per_class: Counter[str] = Counter()
    lines: list[str] = []
    good = 0
    for picture, item in repository.pictures_of(session, dataset_id):
        names = [str(label["class_name"]) for label in picture.labels]
        per_class.update(names)
        good += not names
        lines.append(f"{item.image_sha256} {picture.name} {json.dumps(picture.labels, sort_keys=True)}")
    if not lines:
        repository.remove(session, dataset_id)
        return None
    all_names = [*class_names, *sorted(set(per_class) - set(class_names))]
    digest = hashlib.sha256("\n".join([json.dumps(all_names), *sorted(lines)]).encode()).hexdigest()
    same = repository.find_by_digest(session, digest)
    if same is not None:
        repository.remove(session, dataset_id)
        return same.id
    dataset.class_names, dataset.digest = all_names, digest
    dataset.counts = {
        "pictures": len(lines),
        "good_parts": good,
        "annotations": per_class.total(),
        "per_class": {name: per_class[name] for name in all_names},
    }
    session.add(dataset)
    return dataset_id


def freeze(session: Session, name: str, class_names: Sequence[str], *, by: Actor, now: datetime) -> DatasetOut:
    """A data set of everything labelled so far.

    Raises:
        InvalidRequest: Nothing is labelled.
    """
    items = review.labelled_items(session)
    labels = review.labels_of(session, [item.id for item in items])
    dataset_id = begin(session, name, created_by=by.name, now=now)
    names = UniqueNames()
    rows = [
        to_picture(
            dataset_id,
            item,
            names.take(item.name, item.image_sha256),
            [label.to_json() for label in labels.get(item.id, [])],
        )
        for item in items
    ]
    repository.add_pictures(session, rows)
    completed = complete(session, dataset_id, class_names)
    dataset = repository.find(session, completed) if completed else None
    if dataset is None:
        raise InvalidRequest("nothing is labelled yet")
    told = {"name": name, "digest": dataset.digest, "counts": dataset.counts}
    record(session, by, "dataset.frozen", f"dataset/{dataset.id}", after=told, now=now)
    return DatasetOut.model_validate(dataset)


def mark_trained(session: Session, dataset_id: str, model_version: str, *, by: Actor, now: datetime) -> TrainedOut:
    """How many of the data set's pictures count as trained now.

    Raises:
        NotFound: There is no such data set.
    """
    if repository.find(session, dataset_id) is None:
        raise NotFound("there is no such data set")
    count = repository.mark_trained(session, dataset_id, model_version)
    told = {"model_version": model_version, "trained": count}
    record(session, by, "dataset.trained", f"dataset/{dataset_id}", after=told, now=now)
    return TrainedOut(trained=count)


def to_picture(dataset_id: str, item: ReviewItem, name: str, labels: list[dict[str, Any]]) -> DatasetPicture:
    """The row that puts an item into a data set."""
    return DatasetPicture.model_validate({"dataset_id": dataset_id, "item_id": item.id, "name": name, "labels": labels})


class UniqueNames:
    """Gives every picture of a data set a file name of its own; capitals alone do not tell two apart."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, name: str, sha256: str) -> str:
        """The name, or one with the picture's digest where that is taken."""
        stem, dot, ending = name.rpartition(".")
        # The label file of a.jpg and of a.png would be one: the stem must be free.
        if stem.casefold() in self._taken:
            stem = f"{stem[:100]}-{sha256[:12]}"
            name = f"{stem}{dot}{ending}"
        self._taken.add(stem.casefold())
        return name

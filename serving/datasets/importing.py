"""One import, from a checked source to labelled pictures on disk. Blocks; runs in the importer's thread."""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import uuid4

from sqlmodel import Session

from models.errors import ModelError
from models.intake import read_image
from serving.clock import Clock
from serving.database import Database
from serving.datasets import repository, service
from serving.datasets.pictures import LabelledPicture
from serving.datasets.reading import Format, read_contents
from serving.datasets.schemas import ImportCounts, Unlabelled
from serving.datasets.sources import Source
from serving.errors import InvalidRequest, StorageUnavailable
from serving.media.store import EXTENSIONS, MediaStore, StoredPicture
from serving.review import repository as review
from serving.review.labels import Label, fitted
from serving.tables import ReviewItem

_EDGE_PX: Final = 1.0  # tools disagree about whether the last pixel ends at its number or one further
_PROBLEMS_KEPT: Final = 100
_ODD: Final = re.compile(r"[^\w .()+@=,-]")


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What to import, and for whom."""

    import_id: str
    dataset_id: str
    wanted: Format | None
    unlabelled: Unlabelled
    username: str


@dataclass(slots=True)
class _Progress:
    counts: ImportCounts = field(default_factory=ImportCounts)
    problems: list[dict[str, str]] = field(default_factory=list)

    def report(self, file: str, problem: str) -> None:
        self.counts.errors += 1
        if len(self.problems) < _PROBLEMS_KEPT:
            self.problems.append({"file": file[:200], "problem": problem[:300]})

    def values(self) -> dict[str, Any]:
        return {"counts": self.counts.model_dump(), "errors": list(self.problems)}


class Stopped(Exception):  # noqa: N818 - not an error: the platform is closing
    """The importer is asked to end."""


class Importing:
    """Takes one picture after another; each is on disk and in the database before the next begins."""

    def __init__(
        self, database: Database, media: MediaStore, clock: Clock, most_picture_bytes: int, order: ImportOrder
    ) -> None:
        self._database = database
        self._media = media
        self._clock = clock
        self._most_picture_bytes = most_picture_bytes
        self._order = order
        self._progress = _Progress()
        self._names = service.UniqueNames()

    def run(self, source: Source, is_stopping: Callable[[], bool]) -> None:
        """Imports everything that is good.

        Raises:
            InvalidRequest: The source as a whole cannot be used.
            StorageUnavailable: Disk or database failed.
            Stopped: `is_stopping` said so; what was taken stays.
        """
        found, contents = read_contents(source, self._order.wanted)
        progress = self._progress
        progress.counts.total = len(contents.pictures) + len(contents.problems)
        for file, problem in contents.problems:
            progress.counts.done += 1
            progress.report(file, problem)
        self._save(format=found)
        for picture in contents.pictures:
            if is_stopping():
                raise Stopped
            try:
                self._take(source, picture)
            except (InvalidRequest, ModelError) as error:
                progress.report(picture.name, str(error))
            progress.counts.done += 1
        self._finish(contents.class_names)

    def _take(self, source: Source, picture: LabelledPicture) -> None:
        if picture.labels is None and self._order.unlabelled == "skip":
            raise InvalidRequest("nobody has labelled it (the option `unlabelled` says what to do with such pictures)")
        data = source.read(picture.name, self._most_picture_bytes)
        decoded = read_image(data)
        labels = fitted(picture.labels_in_px(decoded.shape_hw), shape_hw=decoded.shape_hw, tolerance_px=_EDGE_PX)
        is_labelled = picture.labels is not None or self._order.unlabelled == "good"
        now, item_id = self._clock(), str(uuid4())
        digest = hashlib.sha256(data).hexdigest()
        with self._database.read() as session:
            known = review.find_by_content(session, digest) is not None
        stored = None if known else self._media.save(data, decoded.media_type, item_id, now.date())
        item = None
        if stored is not None:
            values = {"id": item_id, "image_path": stored.path, "image_sha256": stored.sha256, "created_at": now}
            item = _new_item(picture.name, values, decoded.media_type, decoded.shape_hw, stored.size_bytes)
        try:
            used = self._database.write(
                lambda session: self._record(session, item, digest, labels if is_labelled else None, picture.name, now)
            ).result()
        except StorageUnavailable:
            # The commit may have worked all the same: the repair decides at the next start.
            self._let_go(stored, keep=True)
            raise
        except Exception:
            self._let_go(stored, keep=False)
            raise
        self._let_go(stored, keep=used)

    def _let_go(self, stored: StoredPicture | None, *, keep: bool) -> None:
        if stored is not None:
            (self._media.settle if keep else self._media.discard)(stored.path)

    def _record(
        self,
        session: Session,
        item: ReviewItem | None,
        digest: str,
        labels: Sequence[Label] | None,
        name: str,
        now: datetime,
    ) -> bool:
        """Whether the new item was stored; False if one with this content was there."""
        used = item is not None and review.add_if_new(session, item)
        present = review.find_by_content(session, digest)
        if present is None:
            raise InvalidRequest("the picture was deleted meanwhile; import it again")
        counts = self._progress.counts
        if labels is None:
            counts.queued += used
            counts.present += not used
        else:
            self._label(session, present, labels, name, now)
        repository.update_import(session, self._order.import_id, **self._progress.values())
        return used

    def _label(self, session: Session, item: ReviewItem, labels: Sequence[Label], name: str, now: datetime) -> None:
        counts, progress = self._progress.counts, self._progress
        as_json = [label.to_json() for label in labels]
        if repository.has_picture(session, self._order.dataset_id, item.id):
            raise InvalidRequest("the same picture is in the import twice; the first counts")
        if item.state in review.LABELED_STATES:
            counts.present += 1
            known = [label.to_json() for label in review.labels_of(session, [item.id]).get(item.id, [])]
            if known != as_json:
                progress.report(name, "is labelled otherwise already; the review keeps that, the data set has yours")
        else:
            review.replace_labels(session, item.id, labels)
            item.state, item.reviewed_by, item.reviewed_at = "labeled", self._order.username, now
            session.add(item)
            session.flush()
            counts.added += 1
        counts.good_parts += not labels
        counts.annotations += len(labels)
        row = service.to_picture(
            self._order.dataset_id,
            item,
            self._names.take(safe_name(name, item.image_media_type), item.image_sha256),
            as_json,
        )
        repository.add_pictures(session, [row])

    def _save(self, **values: Any) -> None:
        everything = {**self._progress.values(), **values}
        self._database.write(
            lambda session: repository.update_import(session, self._order.import_id, **everything)
        ).result()

    def _finish(self, class_names: Sequence[str]) -> None:
        order, values, now = self._order, self._progress.values(), self._clock()

        def work(session: Session) -> None:
            dataset_id = service.complete(session, order.dataset_id, class_names)
            values.update(state="finished", finished_at=now, dataset_id=dataset_id)
            repository.update_import(session, order.import_id, **values)

        self._database.write(work).result()


def safe_name(path: str, media_type: str) -> str:
    """A file name for exports: the picture's own without folders and odd characters, ended by its content."""
    stem = _ODD.sub("_", PurePosixPath(path).stem).strip(" .")[:120] or "picture"
    ending = PurePosixPath(path).suffix.lower().lstrip(".")
    same = {"jpeg": "jpg", "tif": "tiff"}.get(ending, ending) == EXTENSIONS[media_type]
    return f"{stem}.{ending if same else EXTENSIONS[media_type]}"


def _new_item(
    name: str, values: dict[str, Any], media_type: str, shape_hw: tuple[int, int], size_bytes: int
) -> ReviewItem:
    return ReviewItem.model_validate(
        {
            **values,
            "source": "import",
            "name": safe_name(name, media_type),
            "image_media_type": media_type,
            "image_bytes": size_bytes,
            "width_px": shape_hw[1],
            "height_px": shape_hw[0],
            "state": "pending",
            "priority": 0.5,
            "reasons": [{"strategy": "imported", "score": 0.5}],
            "suggestions": [],
        }
    )

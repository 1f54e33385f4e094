"""Stored pictures of any age, without the line that would have to make them."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session, select

from serving.database import Database
from serving.media.store import MediaStore
from serving.stations.service import ensure_exists
from serving.tables import Alert, Dataset, DatasetPicture, Inspection, PictureRemoval, ReviewItem

CONTENT = b"\xff\xd8\xff" + b"x" * 997


class Stock:
    """Puts inspections with pictures into a database and a folder, and says what is left of them."""

    def __init__(
        self, database: Database, media: MediaStore, now: datetime | None = None, content: bytes = CONTENT
    ) -> None:
        self.database, self.media, self.content = database, media, content
        self.now = now or datetime.now(UTC)

    def add(self, decision: str, age_days: float, *, count: int = 1, station_id: str = "line-1") -> list[str]:
        """The ids of new inspections, each a second younger than the one before."""
        oldest = self.now - timedelta(days=age_days)
        rows = [self._row(decision, oldest + timedelta(seconds=n), station_id) for n in range(count)]

        def write(session: Session) -> None:
            ensure_exists(session, station_id, oldest)
            session.add_all(rows)

        self.database.write(write).result(timeout=30)
        return [row.id for row in rows]

    def queue(self, inspection_id: str, state: str) -> str:
        """The id of the review item that an inspection gets."""
        inspection = self.inspection(inspection_id)
        values = inspection.model_dump(
            include={"image_sha256", "image_path", "image_media_type", "image_bytes", "width_px", "height_px"}
        )
        values |= {"id": str(uuid4()), "source": "inspection", "inspection_id": inspection_id, "name": "x.jpg"}
        values |= {"state": state, "priority": 0.5, "reasons": [], "suggestions": [], "created_at": self.now}
        item = ReviewItem.model_validate(values)
        self._add(item)
        return item.id

    def freeze(self, item_id: str) -> None:
        """Puts an item into a data set."""
        values: dict[str, Any] = {"id": str(uuid4()), "name": "d", "class_names": [], "counts": {}}
        dataset = Dataset.model_validate({**values, "digest": "0" * 64, "created_at": self.now, "created_by": "t"})
        self._add(dataset)
        member = {"dataset_id": dataset.id, "item_id": item_id, "name": "x.jpg", "labels": []}
        self._add(DatasetPicture.model_validate(member))

    def hold(self, inspection_id: str) -> None:
        """Puts an inspection on hold."""

        def write(session: Session) -> None:
            row = session.get(Inspection, inspection_id)
            assert row is not None
            row.held_at, row.held_by, row.hold_reason = self.now, "engineer", "customer complaint"
            session.add(row)

        self.database.write(write).result(timeout=30)

    def inspection(self, inspection_id: str) -> Inspection:
        with self.database.read() as session:
            row = session.get(Inspection, inspection_id)
        assert row is not None
        return row

    def has_picture(self, inspection_id: str) -> bool:
        """Whether the picture is there; row and file must agree on it."""
        row = self.inspection(inspection_id)
        there = self.media.find(row.image_path) is not None
        assert there == (row.picture_deleted_at is None), row
        return there

    def left_of(self, inspection_ids: list[str]) -> list[str]:
        """Those whose pictures are there."""
        return [inspection_id for inspection_id in inspection_ids if self.has_picture(inspection_id)]

    def to_remove(self) -> list[str]:
        """Files that are listed to be removed."""
        with self.database.read() as session:
            return list(session.exec(select(PictureRemoval.image_path)))

    def open_alerts(self) -> list[str]:
        """The titles of alerts that are not resolved."""
        with self.database.read() as session:
            return [alert.title for alert in session.exec(select(Alert)) if alert.resolved_at is None]

    def _add(self, row: Any) -> None:
        self.database.write(lambda session: session.add(row)).result(timeout=30)

    def _row(self, decision: str, at: datetime, station_id: str) -> Inspection:
        inspection_id = str(uuid4())
        picture = self.media.save(self.content, "image/jpeg", inspection_id, at.date())
        self.media.settle(picture.path)
        texts = {"model_name": "m", "model_version": "1", "backend": "b", "recipe_digest": "d", "requested_by": "u"}
        numbers = {"confidence": 1.0, "objects_found": 0, "total_time_ms": 1.0, "width_px": 1, "height_px": 1}
        values: dict[str, Any] = {"id": inspection_id, "station_id": station_id, "decision": decision, "created_at": at}
        values |= {"image_path": picture.path, "image_bytes": picture.size_bytes, "image_media_type": "image/jpeg"}
        values |= {"image_sha256": hashlib.sha256(inspection_id.encode()).hexdigest(), "source": "upload"}
        return Inspection.model_validate(
            {**values, **texts, **numbers, "timings_ms": {}, "recipe": {}, "thresholds": {}}
        )

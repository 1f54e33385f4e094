"""The repair at the start, on a real folder and a real database."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlmodel import Session, select

from serving.audit.actor import PLATFORM
from serving.database import Database
from serving.inspections import service
from serving.inspections.repair import Repair
from serving.media.store import ORPHANS, MediaStore, StoredPicture
from serving.settings import Settings
from serving.stations.service import ensure_exists
from serving.storage.repository import mark_deleted
from serving.tables import Alert, Inspection, OutboxEvent
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEFORE = NOW - timedelta(hours=1)


@pytest.fixture
def media(settings: Settings) -> MediaStore:
    store = MediaStore(settings.media_dir)
    store.prepare()
    return store


def saved(media: MediaStore, at: datetime = BEFORE, *, settled: bool = True) -> tuple[str, StoredPicture]:
    inspection_id = str(uuid4())
    picture = media.save(b"content", "image/jpeg", inspection_id, at.date())
    if settled:  # as if an earlier process had saved it
        media.settle(picture.path)
    return inspection_id, picture


def recorded(database: Database, media: MediaStore, at: datetime = BEFORE) -> StoredPicture:
    inspection_id, picture = saved(media, at)
    row = Inspection.model_validate(
        {
            "id": inspection_id,
            "station_id": "s",
            "decision": "pass",
            "confidence": 1.0,
            "objects_found": 0,
            "source": "upload",
            "created_at": at,
            "total_time_ms": 1.0,
            "timings_ms": {},
            "image_path": picture.path,
            "image_sha256": picture.sha256,
            "image_media_type": "image/jpeg",
            "image_bytes": picture.size_bytes,
            "width_px": 1,
            "height_px": 1,
            "model_name": "m",
            "model_version": "1",
            "backend": "b",
            "recipe": {},
            "recipe_digest": "d",
            "thresholds": {},
            "requested_by": "u",
        }
    )
    event = OutboxEvent.model_validate({"type": "inspection", "created_at": at, "data": {}})

    def write(session: Session) -> None:
        ensure_exists(session, "s", at)
        session.add(row)
        session.add(event)

    database.write(write).result(timeout=10)
    return picture


def alerts(database: Database) -> list[Alert]:
    with database.read() as session:
        return list(session.exec(select(Alert)))


def test_orphan_is_set_aside_and_the_rest_stays_when_repaired(database: Database, media: MediaStore) -> None:
    kept, (_, orphan) = recorded(database, media), saved(media)
    Repair(database, media).run(NOW)
    assert media.find(kept.path) is not None
    assert media.find(orphan.path) is None
    assert (media.root / ORPHANS / orphan.path).is_file()
    assert alerts(database) == []


def test_picture_stays_when_its_request_is_still_at_work(database: Database, media: MediaStore) -> None:
    _, picture = saved(media, settled=False)
    Repair(database, media).run(NOW)
    assert media.find(picture.path) is not None


def test_people_are_told_when_a_row_has_lost_its_picture(database: Database, media: MediaStore) -> None:
    recorded(database, media)
    lost = recorded(database, media)
    media.discard(lost.path)
    Repair(database, media).run(NOW)
    (alert,) = alerts(database)
    assert alert.severity == "critical"
    assert Path(lost.path).stem in alert.message


class RetentionInBetween(MediaStore):
    """A store whose pictures retention deletes at the moment when the repair looks for them."""

    def __init__(self, root: Path, database: Database) -> None:
        super().__init__(root)
        self._database = database

    def find(self, path: str) -> Path | None:
        """Marked, listed and removed, as retention does, before the file is looked for."""
        mark = partial(mark_deleted, inspection_ids=[Path(path).stem], last_failures=0, now=NOW)
        self._database.write(mark).result(timeout=10)
        self.remove_all([path])
        return super().find(path)


def test_nobody_is_alarmed_when_retention_deletes_what_the_repair_looks_for(
    database: Database, media: MediaStore
) -> None:
    picture = recorded(database, media)
    Repair(database, RetentionInBetween(media.root, database)).run(NOW)
    assert media.find(picture.path) is None
    assert alerts(database) == []


def test_picture_is_removed_when_its_row_was_deleted_before_the_crash(database: Database, media: MediaStore) -> None:
    picture = recorded(database, media)
    inspection_id = Path(picture.path).stem
    delete = partial(service.delete_inspection, inspection_id=inspection_id, by=PLATFORM, now=BEFORE)
    database.write(delete).result(timeout=10)
    Repair(database, media).run(NOW)
    assert media.find(picture.path) is None
    assert not (media.root / ORPHANS / picture.path).exists()


def test_old_days_are_left_alone_when_the_last_repair_was_later(database: Database, media: MediaStore) -> None:
    Repair(database, media).run(NOW)
    _, old = saved(media, NOW - timedelta(days=2))
    _, yesterday = saved(media, NOW - timedelta(days=1))
    Repair(database, media).run(NOW + timedelta(hours=1))
    assert media.find(old.path) is not None
    assert media.find(yesterday.path) is None


def test_everything_is_looked_at_when_the_marker_is_damaged(database: Database, media: MediaStore) -> None:
    (media.root / ".repaired").write_text("yesterday", encoding="utf-8")
    _, orphan = saved(media, datetime(2020, 2, 29, tzinfo=UTC))
    Repair(database, media).run(NOW)
    assert media.find(orphan.path) is None


def test_every_batch_is_repaired_when_there_are_many(database: Database, media: MediaStore) -> None:
    kept = [recorded(database, media) for _ in range(3)]
    for _ in range(1100):
        (media.root / kept[0].path).with_name(f"{uuid4()}.jpg").write_bytes(b"content")
    Repair(database, media).run(NOW)
    assert sorted(media.pictures_since(BEFORE.date())) == sorted(picture.path for picture in kept)


def test_repair_runs_by_itself_when_the_platform_starts(app: FastAPI, media: MediaStore) -> None:
    _, orphan = saved(media)
    with serve(app) as base_url, httpx.Client(base_url=base_url, trust_env=False) as client:
        assert client.get("/api/v1/inspections", headers=bearer(log_in(client, "viewer"))).json()["total"] == 0
        assert app.state.platform.live.repair.finished.wait(timeout=10)
    assert media.find(orphan.path) is None

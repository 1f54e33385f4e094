"""The queries of curation on PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, SQLModel

from serving.curation import repository
from serving.curation.repository import CandidateFilter, DrawnPass, Passed
from serving.database import Database, create_engine
from serving.inspections import repository as inspections
from serving.review.labels import Label
from serving.review.repository import replace_labels
from serving.review.service import put_item
from serving.schema import upgrade
from serving.tables import AuditDraw, AuditDrawItem, Inspection, Station
from tests.serving.postgres import is_installed, postgres

NOW = datetime(2024, 1, 2, tzinfo=UTC)
YESTERDAY = NOW - timedelta(days=1)


def _inspection(inspection_id: str, decision: str) -> Inspection:
    values: dict[str, Any] = {"id": inspection_id, "station_id": "default", "decision": decision, "confidence": 0.9}
    values |= {"objects_found": 0, "source": "upload", "created_at": YESTERDAY, "total_time_ms": 1.0, "timings_ms": {}}
    values |= {"image_path": "a.png", "image_sha256": inspection_id, "image_media_type": "image/png", "image_bytes": 1}
    values |= {"width_px": 64, "height_px": 64, "model_name": "tiny", "model_version": "1", "backend": "x"}
    values |= {"recipe": {}, "recipe_digest": "x", "thresholds": {}, "requested_by": "x"}
    return Inspection.model_validate(values)


def _fill(session: Session) -> None:
    tables = SQLModel.metadata.tables
    values = {"id": "default", "name": "Default", "thresholds": {}, "min_area_mm2": {}, "min_area_px": {}}
    station = Station.model_validate({**values, "revision": 1, "created_at": NOW, "updated_at": NOW})
    session.connection().execute(tables["stations"].insert(), station.model_dump())
    rows = [_inspection(name, "pass" if name != "c" else "fail").model_dump() for name in ("a", "b", "c")]
    session.connection().execute(tables["inspections"].insert(), rows)


def _draw(session: Session) -> None:
    drawn = inspections.find(session, "a")
    assert drawn is not None
    item, outcome = put_item(session, drawn, [{"strategy": "random_audit", "score": 1.0}])
    assert outcome == "added"
    replace_labels(session, item.id, [Label("scratch", (1.0, 2.0, 3.0, 4.0))])
    item.state = "labeled"
    values = {"id": "draw", "since": YESTERDAY, "until": NOW, "share": 0.5, "seed": 0, "passes": 2, "frame": []}
    row = AuditDraw.model_validate({**values, "created_at": NOW, "created_by": "x"})
    of_draw = {"draw_id": "draw", "station_id": "default", "model_version": "1", "lot": 0.25}
    items: list[dict[str, Any]] = [
        {"inspection_id": "a", "item_id": item.id},
        {"inspection_id": "gone", "item_id": None},
    ]
    repository.add_draw(session, row, [AuditDrawItem.model_validate({**of_draw, **each}) for each in items])


@pytest.mark.skipif(not is_installed(), reason="PostgreSQL is not installed on this machine")
def test_passes_draws_and_candidates_are_found_when_the_database_is_postgresql() -> None:
    with postgres() as url:
        engine = create_engine(url)
        upgrade(engine)
        database = Database(engine, queue_size=4)
        database.write(_fill).result(timeout=20)
        database.write(_draw).result(timeout=20)
        with database.read() as session:
            passes = sorted(repository.passes(session, YESTERDAY, NOW), key=lambda each: each.inspection_id)
            drawn = repository.drawn_passes(session, YESTERDAY, station_id="default")
            chosen = CandidateFilter(YESTERDAY, NOW)
            page = repository.candidates(session, chosen, after=(YESTERDAY, "a"), limit=9)
            first = repository.candidates(session, chosen, after=None, limit=1)
            end = repository.last_draw_end(session)
        database.close()
    assert passes == [Passed("a", "default", "1"), Passed("b", "default", "1")]
    assert sorted(drawn["draw"], key=lambda each: each.state or "") == [
        DrawnPass("draw", 0.25, None, has_defect=False),
        DrawnPass("draw", 0.25, "labeled", has_defect=True),
    ]
    assert [(row.id, item) for row, item in page] == [("b", None), ("c", None)]
    assert [(row.id, item.state if item else None) for row, item in first] == [("a", "labeled")]
    assert end == NOW

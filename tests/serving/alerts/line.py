"""Parts of a station as rows, without the pictures that would have to make them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session

from serving.alerts import repository
from serving.database import Database
from serving.stations.service import ensure_exists
from serving.tables import Alert, Inspection, InspectionDetection


def add_parts(
    database: Database,
    decisions: Sequence[str],
    newest_at: datetime,
    *,
    station_id: str = "line-1",
    gap_s: float = 1.0,
    total_time_ms: float = 20.0,
    scores: Sequence[float] | None = None,
    classes: Sequence[str | None] | None = None,
) -> None:
    """Store one inspection for each decision, oldest first, the last one at `newest_at`."""
    oldest_at = newest_at - timedelta(seconds=gap_s * (len(decisions) - 1))
    rows: list[Any] = []
    for number, decision in enumerate(decisions):
        row = _row(decision, oldest_at + timedelta(seconds=gap_s * number), station_id, total_time_ms)
        row.confidence = 1.0 if scores is None else scores[number]
        rows.append(row)
        if classes is not None and (name := classes[number]) is not None:
            rows.append(_detection(row.id, name))

    def write(session: Session) -> None:
        ensure_exists(session, station_id, oldest_at)
        session.add_all([row for row in rows if isinstance(row, Inspection)])
        session.flush()
        session.add_all([row for row in rows if not isinstance(row, Inspection)])

    database.write(write).result(timeout=60)


def all_alerts(database: Database) -> list[Alert]:
    """Every alert, newest first."""
    with database.read() as session:
        return repository.find_page(session, None, acknowledged=None, limit=100, offset=0)[0]


def open_alerts(database: Database) -> dict[str, Alert]:
    """The alerts that are not resolved, by what they are about."""
    return {alert.dedupe_key: alert for alert in all_alerts(database) if alert.resolved_at is None}


def _row(decision: str, at: datetime, station_id: str, total_time_ms: float) -> Inspection:
    inspection_id = str(uuid4())
    texts = {"model_name": "m", "model_version": "1", "backend": "b", "recipe_digest": "d", "requested_by": "u"}
    numbers = {"confidence": 1.0, "objects_found": 0, "width_px": 1, "height_px": 1, "image_bytes": 1}
    picture = {"image_path": inspection_id, "image_sha256": "0" * 64, "image_media_type": "image/jpeg"}
    told = {"id": inspection_id, "station_id": station_id, "decision": decision, "created_at": at, "source": "upload"}
    rules: dict[str, Any] = {"timings_ms": {}, "recipe": {}, "thresholds": {}}
    return Inspection.model_validate({**texts, **numbers, **picture, **told, **rules, "total_time_ms": total_time_ms})


def _detection(inspection_id: str, class_name: str) -> InspectionDetection:
    box = dict.fromkeys(("x_min_px", "y_min_px", "x_max_px", "y_max_px", "area_px", "length_px", "width_px"), 1.0)
    told = {"inspection_id": inspection_id, "position": 0, "class_name": class_name, "confidence": 0.9}
    return InspectionDetection.model_validate({**box, **told, "mask_polygon": []})

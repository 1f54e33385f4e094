"""The figures of the last 24 hours."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlmodel import col, func, select

from serving.clock import Clock
from serving.database import Database
from serving.tables import Inspection, InspectionDetection


def plant_figures(database: Database, clock: Clock, station_id: str | None) -> Mapping[str, Any]:
    """Those of a station, or of the plant."""
    conditions = [col(Inspection.created_at) >= clock() - timedelta(hours=24)]
    if station_id is not None:
        conditions.append(col(Inspection.station_id) == station_id)
    with database.read() as session:
        counted = select(Inspection.decision, func.count(), func.avg(Inspection.total_time_ms)).where(*conditions)
        rows = session.exec(counted.group_by(Inspection.decision)).all()
        found = select(InspectionDetection.class_name, func.count(func.distinct(Inspection.id)))
        found = found.join(Inspection, col(Inspection.id) == col(InspectionDetection.inspection_id)).where(*conditions)
        breakdown = dict(session.exec(found.group_by(InspectionDetection.class_name)).all())
    counts = {decision: count for decision, count, _ in rows}
    total = sum(counts.values())
    return {
        "total_inspections": total,
        "passed": counts.get("pass", 0),
        "failed": counts.get("fail", 0),
        "uncertain": counts.get("uncertain", 0),
        "pass_rate": round(counts.get("pass", 0) / total, 4) if total else 0.0,
        "avg_inspection_time_ms": round(sum(count * mean for _, count, mean in rows) / total, 1) if total else 0.0,
        "defect_breakdown": breakdown,
    }

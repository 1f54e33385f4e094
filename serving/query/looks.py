"""Looks at single things: inspections, their pictures, alerts, versions of the model."""

from collections.abc import Sequence
from typing import Any, Final

from models.errors import ModelError
from models.intake import read_image
from serving.auth.principal import Principal
from serving.images.jpeg import to_jpeg
from serving.inspections import repository as inspections
from serving.model_versions.service import list_versions
from serving.query import arguments, repository
from serving.query.analytics import Analytics
from serving.query.findings import Finding
from serving.query.names import find_class
from serving.query.period import local_text
from serving.query.refusal import NotInData
from serving.query.repository import Wanted
from serving.query.sources import Sources
from serving.tables import Inspection, InspectionDetection

PICTURE_SIDE_PX: Final = 768
_MOST_DEFECTS: Final = 10


class Looks:
    """Shows single things to one caller. Its methods block."""

    def __init__(self, sources: Sources, user: Principal, analytics: Analytics) -> None:
        """Takes where to look, for whom, and what understands periods and stations."""
        self._sources = sources
        self._user = user
        self._analytics = analytics
        self._zone = analytics.zone

    def list_inspections(self, wanted: arguments.ListInspections) -> Finding:
        """Inspections, newest first."""
        filters, stretch, stations = self._analytics.filters(wanted.period, wanted.station)
        class_name = None if wanted.defect_class is None else find_class(wanted.defect_class, self._analytics.classes())
        filters |= {"decision": wanted.decision, "defect_class": class_name}
        chosen = Wanted(stretch.since, stretch.until, stations, wanted.decision, class_name)
        with self._sources.database.read() as session:
            rows = repository.list_inspections(session, chosen, wanted.limit)
            total = repository.number_of_inspections(session, chosen)
            detections = inspections.detections_of(session, [row.id for row in rows])
        shown = [self._row(row, detections.get(row.id, [])) for row in rows]
        values = {"inspections": total, "shown": len(shown), "rows": shown}
        return Finding("list_inspections", filters, values, tuple(row.id for row in rows))

    def look_at_picture(self, wanted: arguments.LookAtPicture) -> Finding:
        """The picture of an inspection, made smaller.

        Raises:
            NotInData: There is no such inspection for this caller, or no picture of it.
        """
        with self._sources.database.read() as session:
            row = inspections.find(session, wanted.inspection_id)
            if row is None or not self._user.may_use(row.station_id):
                raise NotInData("there is no such inspection")
            detections = inspections.detections_of(session, [row.id]).get(row.id, [])
        file = None if row.picture_deleted_at else self._sources.live.media.find(row.image_path)
        if file is None:
            raise NotInData("the picture of this inspection is gone")
        try:
            picture = to_jpeg(read_image(file.read_bytes()).pixels_rgb, longest_side_px=PICTURE_SIDE_PX)
        except (OSError, ModelError, ValueError) as error:
            raise NotInData("the picture of this inspection cannot be read") from error
        values = {"width_px": row.width_px, "height_px": row.height_px, **self._row(row, detections)}
        return Finding("look_at_picture", {"inspection_id": row.id}, values, (row.id,), picture)

    def list_alerts(self, wanted: arguments.ListAlerts) -> Finding:
        """Alerts, newest first."""
        with self._sources.database.read() as session:
            alerts, total = repository.list_alerts(
                session, self._user.stations, wanted.severity, only_open=wanted.only_open, limit=wanted.limit
            )
        rows = [
            {
                "title": alert.title,
                "message": alert.message[:300],
                "severity": alert.severity,
                "station": alert.station_id,
                "at": local_text(alert.created_at, self._zone),
                "open": alert.resolved_at is None,
                "acknowledged": alert.acknowledged,
                "occurrences": alert.occurrences,
            }
            for alert in alerts
        ]
        filters = {"severity": wanted.severity, "only_open": wanted.only_open}
        return Finding("list_alerts", filters, {"alerts": total, "shown": len(rows), "rows": rows})

    def list_model_versions(self, wanted: arguments.ListModelVersions) -> Finding:
        """The versions of the model. Waits for the registry, 3 s at most.

        Raises:
            NotInData: To a caller who sees some stations only.
        """
        if self._analytics.is_restricted:
            raise NotInData("versions of the model are not shown to a key for single stations")
        found = list_versions(self._sources.switch, self._sources.settings.mlflow_port)
        active = self._sources.live.model
        rows = [
            {
                "version": version.version,
                "status": version.status,
                "active": version.active,
                "created": None if version.created_at is None else local_text(version.created_at, self._zone),
                "metrics": version.metrics,
            }
            for version in found.models[: wanted.limit]
        ]
        values = {
            "active_model": None if active is None else active.name,
            "active_version": None if active is None else active.version,
            "registry": found.registry,
            "versions": len(found.models),
            "rows": rows,
        }
        return Finding("list_model_versions", {}, values)

    def _row(self, row: Inspection, detections: Sequence[InspectionDetection]) -> dict[str, Any]:
        defects = [
            {"defect_class": found.class_name, "confidence": found.confidence, "area_mm2": found.area_mm2}
            for found in detections[:_MOST_DEFECTS]
        ]
        return {
            "inspection_id": row.id,
            "at": local_text(row.created_at, self._zone),
            "station": row.station_id,
            "part": row.part_id,
            "decision": row.decision,
            "confidence": row.confidence,
            "model_version": row.model_version,
            "objects_found": row.objects_found,
            "defects": defects,
        }

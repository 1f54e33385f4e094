"""How an inspection enters the queue: at once when the verdict is *uncertain*, else when curation asks for it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from sqlmodel import Session

from models.recipe import Thresholds
from models.uncertainty import uncertainty_of_part
from serving.media.store import EXTENSIONS
from serving.review import repository
from serving.tables import Inspection, InspectionDetection, ReviewItem

UNCERTAIN: Final = "uncertainty"


def enter_uncertain(session: Session, inspection: Inspection, detections: Sequence[InspectionDetection]) -> None:
    """Puts the picture of an *uncertain* verdict into the queue, in the inspection's own transaction.

    A picture with the same bytes as an earlier one stays out: one look is enough.
    """
    reason = {"strategy": UNCERTAIN, "score": uncertainty(detections, inspection.thresholds)}
    repository.add_if_new(session, new_item(inspection, detections, [reason]))


def uncertainty(
    detections: Sequence[InspectionDetection], thresholds: Mapping[str, Any], *, highest_not_counted: float = 0.0
) -> float:
    """How near the scores came to the thresholds that decided, 0-1; see `models.uncertainty`."""
    limits = {k: Thresholds(float(t["accept_below"]), float(t["reject_above"])) for k, t in thresholds.items()}
    scores = [(found.class_name, found.confidence) for found in detections]
    return round(uncertainty_of_part(scores, limits, highest_not_counted=highest_not_counted), 4)


def new_item(
    inspection: Inspection, detections: Sequence[InspectionDetection], reasons: list[dict[str, Any]]
) -> ReviewItem:
    """The queue's row for an inspection; the inspection's detections are the suggestions."""
    return ReviewItem.model_validate(
        {
            "id": str(uuid4()),
            "source": "inspection",
            "inspection_id": inspection.id,
            "station_id": inspection.station_id,
            "name": f"{inspection.id}.{EXTENSIONS[inspection.image_media_type]}",
            "image_sha256": inspection.image_sha256,
            "image_path": inspection.image_path,
            "image_media_type": inspection.image_media_type,
            "image_bytes": inspection.image_bytes,
            "width_px": inspection.width_px,
            "height_px": inspection.height_px,
            "state": "pending",
            "priority": priority_of(reasons),
            "reasons": reasons,
            "suggestions": [_to_suggestion(row) for row in detections],
            "model_version": inspection.model_version,
            "created_at": inspection.created_at,
        }
    )


def priority_of(reasons: Sequence[Mapping[str, Any]]) -> float:
    """The rank of an item: its best score."""
    return max((float(reason["score"]) for reason in reasons), default=0.0)


def _to_suggestion(row: InspectionDetection) -> dict[str, Any]:
    return {
        "class_name": row.class_name,
        "confidence": row.confidence,
        "bbox": [row.x_min_px, row.y_min_px, row.x_max_px, row.y_max_px],
        "polygon": row.mask_polygon,
    }

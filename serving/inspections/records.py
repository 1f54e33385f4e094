"""From a verdict to rows, and from rows to the wire: one way each, so that a replayed answer is the first one again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from models.detections import Detection
from models.recipe import Recipe, Thresholds
from serving.inspections.schemas import InspectionOut, Source
from serving.live.judged import Judged
from serving.media.store import StoredPicture
from serving.tables import Inspection, InspectionDetection

_EVENT_KEYS: Final = (
    *("id", "station_id", "part_id", "decision", "confidence", "objects_found", "source", "total_time_ms"),
    *("model_version", "image_path"),
)


@dataclass(frozen=True, slots=True)
class InspectionOrder:
    """What was asked for.

    Attributes:
        station_id: The station.
        part_id: The part, if told.
        source: Where the picture comes from.
        requested_by: Id of the user.
        idempotency_key: The client's key for this inspection, if any.
        request_digest: What the key stands for; None without a key.
        is_background: Whether it gives way to the parts of the line.
    """

    station_id: str
    part_id: str | None
    source: Source
    requested_by: str
    idempotency_key: str | None = None
    request_digest: str | None = None
    is_background: bool = False


@dataclass(frozen=True, slots=True)
class InspectionRecord:
    """The rows of one inspection as values by column: the path of every part, where building objects twice shows.

    Attributes:
        inspection: Of table `inspections`.
        detections: Of table `detections`, in their order.
        event: Of table `events`.
    """

    inspection: dict[str, Any]
    detections: list[dict[str, Any]]
    event: dict[str, Any]

    def to_rows(self) -> tuple[Inspection, list[InspectionDetection]]:
        """The same as objects, for those who need them."""
        return Inspection.model_validate(self.inspection), [
            InspectionDetection.model_validate(values) for values in self.detections
        ]


def to_record(
    inspection_id: str,
    order: InspectionOrder,
    judged: Judged,
    picture: StoredPicture,
    recipe: Recipe,
    *,
    created_at: datetime,
    timings_ms: Mapping[str, float],
    total_time_ms: float,
) -> InspectionRecord:
    """The rows of one inspection."""
    verdict, (height_px, width_px) = judged.verdict, judged.shape_hw
    inspection = {
        "id": inspection_id,
        "station_id": order.station_id,
        "part_id": order.part_id,
        "decision": verdict.decision,
        "confidence": round(verdict.confidence, 4),
        "objects_found": len(verdict.detections),
        "source": order.source,
        "created_at": created_at,
        "total_time_ms": round(total_time_ms, 2),
        "timings_ms": {stage: round(ms, 2) for stage, ms in timings_ms.items()},
        "image_path": picture.path,
        "image_sha256": picture.sha256,
        "image_media_type": judged.media_type,
        "image_bytes": picture.size_bytes,
        "width_px": width_px,
        "height_px": height_px,
        "model_name": judged.model_name,
        "model_version": judged.model_version,
        "backend": judged.backend,
        "recipe": recipe.to_json(),
        "recipe_digest": recipe.digest,
        "thresholds": _thresholds_to_json(verdict.thresholds),
        "requested_by": order.requested_by,
        "idempotency_key": order.idempotency_key,
        "request_digest": order.request_digest,
    }
    rows = [_to_row(inspection_id, position, found) for position, found in enumerate(verdict.detections)]
    return InspectionRecord(inspection, rows, _to_event(inspection, rows))


def row_to_schema(inspection: Inspection, detections: Sequence[InspectionDetection], image_url: str) -> InspectionOut:
    """A stored inspection as it goes over the wire."""
    return values_to_schema(inspection.model_dump(), [row.model_dump() for row in detections], image_url)


def values_to_schema(
    inspection: Mapping[str, Any], detections: Sequence[Mapping[str, Any]], image_url: str
) -> InspectionOut:
    """The inspection as it goes over the wire, from its values by column; what is not meant for it is left out."""
    found = [{**values, "bbox": _box(values)} for values in detections]
    return InspectionOut.model_validate({**inspection, "image_url": image_url, "detections": found})


def _to_row(inspection_id: str, position: int, found: Detection) -> dict[str, Any]:
    x_min, y_min, x_max, y_max = (round(value, 2) for value in found.box_xyxy)
    size = found.extent
    return {
        "inspection_id": inspection_id,
        "position": position,
        "class_name": found.class_name,
        "confidence": round(found.confidence, 4),
        "x_min_px": x_min,
        "y_min_px": y_min,
        "x_max_px": x_max,
        "y_max_px": y_max,
        "area_px": round(size.area_px, 2),
        "length_px": round(size.length_px, 2),
        "width_px": round(size.width_px, 2),
        "area_mm2": _rounded(size.area_mm2),
        "length_mm": _rounded(size.length_mm),
        "width_mm": _rounded(size.width_mm),
        "mask_polygon": [[[round(x, 1), round(y, 1)] for x, y in ring] for ring in found.mask_polygon],
    }


def _box(detection: Mapping[str, Any]) -> list[int]:
    return [round(detection[side]) for side in ("x_min_px", "y_min_px", "x_max_px", "y_max_px")]


def _to_event(inspection: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What followers get: enough for counters and a live list; the rest is a GET away."""
    data = {key: inspection[key] for key in _EVENT_KEYS}
    # As Pydantic writes it, so that a follower and a client read the same text.
    data["created_at"] = inspection["created_at"].isoformat().replace("+00:00", "Z")
    data["detections"] = [
        {
            "class_name": row["class_name"],
            "confidence": row["confidence"],
            "bbox": _box(row),
            "area_mm2": row["area_mm2"],
        }
        for row in rows
    ]
    return {"type": "inspection", "created_at": inspection["created_at"], "data": data}


def _thresholds_to_json(thresholds: Mapping[str, Thresholds]) -> dict[str, dict[str, float]]:
    return {k: {"accept_below": t.accept_below, "reject_above": t.reject_above} for k, t in thresholds.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)

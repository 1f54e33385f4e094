"""Gathers what a report tells of."""

from collections.abc import Sequence
from typing import Final

from sqlmodel import Session

from models.errors import ModelError
from models.intake import read_image
from serving.errors import NotFound
from serving.export import repository
from serving.export.report import ReportedInspection
from serving.images.jpeg import to_jpeg
from serving.inspections import repository as inspections
from serving.media.store import MediaStore
from serving.tables import Inspection, InspectionDetection

MOST_OF_A_PART: Final = 20
_LONGEST_SIDE_PX: Final = 1600


def report_of_inspection(
    session: Session, media: MediaStore, inspection_id: str, stations: frozenset[str] | None
) -> list[ReportedInspection]:
    """One inspection with its picture.

    Raises:
        NotFound: There is none of that id at these stations.
    """
    row = inspections.find(session, inspection_id)
    if row is None or (stations is not None and row.station_id not in stations):
        raise NotFound("there is no such inspection")
    return _gather(session, media, [row])


def report_of_part(
    session: Session, media: MediaStore, part_id: str, stations: frozenset[str] | None
) -> tuple[list[ReportedInspection], str]:
    """The newest inspections of a part, newest first, and a line that says how many of them there are.

    Raises:
        NotFound: The part was never inspected at these stations.
    """
    rows = repository.of_part(session, part_id, stations, MOST_OF_A_PART)
    if not rows:
        raise NotFound("there is no inspection of this part")
    number = repository.number_of_part(session, part_id, stations)
    left_out = "" if number <= len(rows) else f", of which the {len(rows)} newest follow"
    return _gather(session, media, rows), f"Part {part_id}: {number} inspection{'s' * (number != 1)}{left_out}."


def _gather(session: Session, media: MediaStore, rows: Sequence[Inspection]) -> list[ReportedInspection]:
    detections = inspections.detections_of(session, [row.id for row in rows])
    return [_one(session, media, row, detections.get(row.id, [])) for row in rows]


def _one(
    session: Session, media: MediaStore, row: Inspection, detections: Sequence[InspectionDetection]
) -> ReportedInspection:
    jpeg, missing = _picture(media, row)
    return ReportedInspection(row, detections, repository.station_name(session, row.station_id), jpeg, missing)


def _picture(media: MediaStore, row: Inspection) -> tuple[bytes | None, str | None]:
    """The picture as it was judged, or why there is none. A report without a picture is still a report."""
    if row.picture_deleted_at is not None:
        return (
            None,
            f"Retention deleted the picture on {row.picture_deleted_at:%Y-%m-%d}; the frame shows where it was.",
        )
    file = media.find(row.image_path)
    if file is None:
        return None, "The picture is missing on disk."
    try:
        return to_jpeg(read_image(file.read_bytes()).pixels_rgb, longest_side_px=_LONGEST_SIDE_PX), None
    except (OSError, ModelError, ValueError):
        return None, "The picture on disk cannot be read."

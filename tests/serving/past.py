"""Inspections of any time in the past, stored without the line that would have to make them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection
from sqlmodel import SQLModel

from serving.database import Database
from serving.stations.service import ensure_exists
from serving.statistics.tallied import Tallied

_TABLES = SQLModel.metadata.tables
_CONSTANT: dict[str, Any] = {
    "confidence": 0.9,
    "source": "upload",
    "timings_ms": {},
    "image_path": "2024/01/01/none.png",
    "image_sha256": "0" * 64,
    "image_media_type": "image/png",
    "image_bytes": 1,
    "width_px": 64,
    "height_px": 64,
    "model_name": "tiny",
    "backend": "none",
    "recipe": {},
    "recipe_digest": "d",
    "thresholds": {},
    "hold_reason": None,
}


@dataclass(frozen=True)
class Part:
    """One inspection; `defects` are classes with their mm² (None: the station is not calibrated)."""

    at: datetime
    decision: str = "pass"
    station_id: str = "line-1"
    part_id: str | None = None
    model_version: str = "1"
    time_ms: float = 10.0
    defects: Sequence[tuple[str, float | None]] = ()
    more: dict[str, Any] = field(default_factory=dict)


class Past:
    """Stores inspections as the path of every part does, save for the picture. Ids are the same in every run."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._random = random.Random(7)  # noqa: S311 - no secret

    def store(self, *parts: Part, tallied: Tallied | None = None) -> list[str]:
        """The ids of the inspections, all stored in one transaction."""
        ids = [str(UUID(int=self._random.getrandbits(128), version=4)) for _ in parts]
        rows = [row_of(inspection_id, part) for inspection_id, part in zip(ids, parts, strict=True)]
        found = [row for inspection_id, part in zip(ids, parts, strict=True) for row in _found(inspection_id, part)]

        def write(connection: Connection) -> None:
            connection.execute(_TABLES["inspections"].insert(), rows)
            if found:
                connection.execute(_TABLES["detections"].insert(), found)
            if tallied is not None:
                for row in rows:
                    tallied.note_stored(connection, row)

        for station_id in {part.station_id for part in parts}:
            self.database.write(partial(ensure_exists, station_id=station_id, now=parts[0].at)).result(30)
        self.database.write_rows(write).result(60)
        return ids


def row_of(inspection_id: str, part: Part) -> dict[str, Any]:
    """The values of an inspection by column."""
    return {
        **_CONSTANT,
        "id": inspection_id,
        "station_id": part.station_id,
        "part_id": part.part_id,
        "decision": part.decision,
        "objects_found": len(part.defects),
        "created_at": part.at,
        "total_time_ms": part.time_ms,
        "model_version": part.model_version,
        "requested_by": "u",
        **part.more,
    }


def _found(inspection_id: str, part: Part) -> list[dict[str, Any]]:
    box = {"x_min_px": 4.0, "y_min_px": 4.0, "x_max_px": 20.0, "y_max_px": 12.0, "mask_polygon": []}
    sizes = {"area_px": 128.0, "length_px": 16.0, "width_px": 8.0, "confidence": 0.9}
    return [
        {**box, **sizes, "inspection_id": inspection_id, "position": n, "class_name": name, "area_mm2": area_mm2}
        for n, (name, area_mm2) in enumerate(part.defects)
    ]

"""From events to messages: the text that every follower gets, made once however many there are."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from serving.events import repository
from serving.events.repository import StoredEvent
from serving.images.links import ImageLinks
from serving.inspections import repository as inspections
from serving.inspections.records import values_to_schema
from serving.inspections.schemas import InspectionOut

INSPECTION: Final = "inspection"
PING: Final = "ping"
_ALWAYS: Final = frozenset({PING, "reset", "auth", "error"})


@dataclass(frozen=True, slots=True)
class Message:
    """What goes to followers.

    Attributes:
        seq: Number of the event, or of the newest one before, for messages that tell of none.
        type: What it is about.
        station_id: The station that it concerns; None for the whole plant.
        text: The message as JSON.
    """

    seq: int
    type: str
    station_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Which messages a follower wants and may have.

    Attributes:
        stations: Those that concern one of these stations; None for all of them.
        whole_plant: Those that concern no single station, too.
        types: Those of these types; None for all.
    """

    stations: frozenset[str] | None = None
    whole_plant: bool = True
    types: frozenset[str] | None = None

    @property
    def station_id(self) -> str | None:
        """The station whose figures are wanted, None for those of the plant."""
        return next(iter(self.stations)) if self.stations is not None and len(self.stations) == 1 else None

    def wants(self, kind: str, station_id: str | None) -> bool:
        """Whether a message of that type about that station (None: the whole plant) is among them."""
        if kind in _ALWAYS:
            return True
        if self.types is not None and kind not in self.types:
            return False
        if station_id is None:
            return self.whole_plant
        return self.stations is None or station_id in self.stations


def station_of(event: StoredEvent) -> str | None:
    """The station that an event concerns, None for the whole plant."""
    station_id = event.data.get("station_id")
    return None if station_id is None else str(station_id)


def to_messages(
    session: Session,
    events: Sequence[StoredEvent],
    links: ImageLinks,
    now: datetime,
    known: Mapping[str, InspectionOut] | None = None,
) -> Sequence[Message]:
    """The messages of events, in order. An inspection travels as `GET /api/v1/inspect/{id}` gives it now.

    An inspection that was deleted meanwhile is left out: there is no record to show.

    Args:
        session: Reads the inspections.
        events: What happened.
        links: Signs the links to the pictures.
        now: The present.
        known: Inspections, by id, that need not be read.
    """
    shown = dict(known or {})
    told = {str(event.data["id"]) for event in events if event.type == INSPECTION and "id" in event.data}
    if missing := told - shown.keys():
        shown.update(_read(session, missing, links, now))
    messages: list[Message] = []
    for event in events:
        if event.type != INSPECTION:
            data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        elif (inspection := shown.get(str(event.data.get("id")))) is not None:
            data = inspection.model_dump_json()
        else:
            continue
        text = _wrap(event.type, event.seq, event.created_at, data)
        messages.append(Message(event.seq, event.type, station_of(event), text))
    return messages


def _read(session: Session, ids: Iterable[str], links: ImageLinks, now: datetime) -> Mapping[str, InspectionOut]:
    rows = repository.inspections_of(session, ids)
    detections = inspections.detection_values_of(session, rows) if rows else {}
    return {
        row_id: values_to_schema(row, detections.get(row_id, []), links.link_to(row["image_path"], now))
        for row_id, row in rows.items()
    }


def tell(kind: str, seq: int, now: datetime, data: Mapping[str, Any], station_id: str | None = None) -> Message:
    """A message that comes from no event: figures, the beginning, an error of the client."""
    return Message(seq, kind, station_id, _wrap(kind, seq, now, json.dumps(data, ensure_ascii=False)))


def _wrap(kind: str, seq: int, at: datetime, data: str) -> str:
    moment = at.isoformat().replace("+00:00", "Z")
    return f'{{"type":{json.dumps(kind)},"seq":{seq},"at":"{moment}","data":{data}}}'

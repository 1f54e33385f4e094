"""From events to messages: the text that every follower gets, made once however many there are."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlmodel import Session

from serving.events import repository
from serving.images.links import ImageLinks
from serving.inspections import repository as inspections
from serving.inspections.records import row_to_schema
from serving.tables import OutboxEvent

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


def station_of(event: OutboxEvent) -> str | None:
    """The station that an event concerns, None for the whole plant."""
    station_id = event.data.get("station_id")
    return None if station_id is None else str(station_id)


def to_messages(session: Session, events: Sequence[OutboxEvent], links: ImageLinks, now: datetime) -> Sequence[Message]:
    """The messages of events, in order. An inspection travels as `GET /api/v1/inspect/{id}` gives it now.

    An inspection that was deleted meanwhile is left out: there is no record to show.
    """
    ids = [str(event.data["id"]) for event in events if event.type == INSPECTION and "id" in event.data]
    rows = repository.inspections_of(session, ids) if ids else {}
    detections = inspections.detections_of(session, rows) if rows else {}
    messages: list[Message] = []
    for event in events:
        if event.type != INSPECTION:
            data = json.dumps(event.data, ensure_ascii=False, separators=(",", ":"))
        elif (row := rows.get(str(event.data.get("id")))) is not None:
            shown = row_to_schema(row, detections.get(row.id, []), links.link_to(row.image_path, now))
            data = shown.model_dump_json()
        else:
            continue
        seq = int(event.seq or 0)
        text = _wrap(event.type, seq, event.created_at, data)
        messages.append(Message(seq, event.type, station_of(event), text))
    return messages


def tell(kind: str, seq: int, now: datetime, data: Mapping[str, Any], station_id: str | None = None) -> Message:
    """A message that comes from no event: figures, the beginning, an error of the client."""
    return Message(seq, kind, station_id, _wrap(kind, seq, now, json.dumps(data, ensure_ascii=False)))


def _wrap(kind: str, seq: int, at: datetime, data: str) -> str:
    moment = at.isoformat().replace("+00:00", "Z")
    return f'{{"type":{json.dumps(kind)},"seq":{seq},"at":"{moment}","data":{data}}}'

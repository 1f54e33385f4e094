"""What may be done with stations."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import InvalidRequest
from serving.events.outbox import publish
from serving.stations import repository
from serving.stations.schemas import StationOut, StationUpdate
from serving.tables import Station

# A typing error in a client's loop must not make a station per part.
MOST_STATIONS: Final = 1000


def new_station(station_id: str, now: datetime) -> Station:
    """A station that nobody has configured yet."""
    return Station.model_validate(
        {
            "id": station_id,
            "name": station_id,
            "thresholds": {},
            "min_area_mm2": {},
            "min_area_px": {},
            "created_at": now,
            "updated_at": now,
        }
    )


def ensure_exists(session: Session, station_id: str, now: datetime) -> Station:
    """The station, made now if there is none of that id.

    Raises:
        InvalidRequest: There are as many stations as there may be.
    """
    station = repository.find(session, station_id)
    if station is None:
        if repository.count(session) >= MOST_STATIONS:
            raise InvalidRequest(f"there are {MOST_STATIONS} stations already: use one of those")
        station = new_station(station_id, now)
        repository.add(session, station)
    return station


def configure(session: Session, station_id: str, update: StationUpdate, *, by: Actor, now: datetime) -> StationOut:
    """The station with its new configuration, which takes effect with the next inspection.

    Raises:
        InvalidRequest: There are as many stations as there may be.
    """
    station = ensure_exists(session, station_id, now)
    before = StationOut.model_validate(station).model_dump(mode="json")
    for field, value in update.model_dump(mode="json").items():
        setattr(station, field, value)
    station.name = update.name or station_id
    station.revision += 1
    station.updated_at = now
    session.add(station)
    session.flush()
    after = StationOut.model_validate(station)
    shown = after.model_dump(mode="json")
    record(session, by, "station.configured", f"station/{station_id}", before=before, after=shown, now=now)
    publish(session, "station", {**shown, "station_id": station_id}, now)
    return after


def require_known_classes(update: StationUpdate, classes: Iterable[str]) -> None:
    """Refuses classes that the model does not know: a threshold with a typing error would never be applied.

    Raises:
        InvalidRequest: Names them.
    """
    if unknown := sorted(update.class_names - set(classes)):
        raise InvalidRequest(f"the model knows no class {', '.join(unknown[:5])}")

"""What the OPC UA process is told of the platform and of the stations."""

from datetime import UTC, datetime, timedelta
from typing import Final

from serving.alerts import repository as alerts
from serving.errors import StorageUnavailable
from serving.inspections import repository as inspections
from serving.inspections.records import row_to_schema
from serving.opcua_status import repository
from serving.opcua_status.schemas import BUCKET_S, PlatformState, ResultList, Snapshot, StationSnapshot
from serving.platform import Platform
from serving.stations import repository as stations
from serving.statistics.counts import Count
from serving.statistics.repository import first_inspected, see_one_state
from serving.statistics.window import read_totals

_MOST_AHEAD: Final = 10_000
_CAMERA: Final = "camera:"
_AHEAD_OF_CLOCK: Final = timedelta(minutes=1)


def platform_state(platform: Platform) -> PlatformState:
    """Whether a picture could be inspected now. Blocks."""
    if platform.live.model is None:
        return PlatformState(problem="no model is loaded", camera_problem=None)
    try:
        with platform.database.read() as session:
            keys = alerts.open_keys(session)
    except StorageUnavailable as error:
        return PlatformState(problem=str(error), camera_problem=None)
    camera = next((key.removeprefix(_CAMERA) for key in sorted(keys) if key.startswith(_CAMERA)), None)
    return PlatformState(problem=None, camera_problem=camera and f"the camera is {camera}")


def take_snapshot(platform: Platform) -> Snapshot:
    """Every station as the database has it, and the number of the event to go on from. Blocks.

    Raises:
        StorageUnavailable: The database does not answer, or the events cannot be read yet.
    """
    position = platform.events.hub.position
    if position is None:
        raise StorageUnavailable("the events cannot be read now")
    now = platform.clock()
    with platform.database.read() as session:
        see_one_state(session)
        known = stations.list_all(session)
        until = now + _AHEAD_OF_CLOCK
        begin = first_inspected(session, datetime(2000, 1, 1, tzinfo=UTC), until)
        totals: dict[str, Count] = {}
        if begin is not None:
            for (station_id, _), count in read_totals(session, begin, until, None).inspections.items():
                totals.setdefault(station_id, Count()).add(count)
        newest = repository.newest_of_each(session, [station.id for station in known])
        found = inspections.detections_of(session, [row.id for row in newest.values()])
        hour = repository.count_buckets(session, now - timedelta(hours=1), BUCKET_S)
        ahead = repository.inspections_after(session, position, _MOST_AHEAD)
    links = platform.live.links
    shown = []
    for station in known:
        row, count = newest.get(station.id), totals.get(station.id, Count())
        last = row and row_to_schema(row, found.get(row.id, []), links.link_to(row.image_path, now))
        shown.append(
            StationSnapshot(
                station_id=station.id,
                name=station.name,
                passed=count.passed,
                failed=count.failed,
                uncertain=count.uncertain,
                last=last,
                last_hour=hour.get(station.id, []),
            )
        )
    return Snapshot(seq=position, ahead=ahead, stations=shown)


def results_between(
    platform: Platform, station_id: str, since: datetime, until: datetime, *, newest_first: bool, limit: int
) -> ResultList:
    """Stored inspections of a station. Blocks."""
    with platform.database.read() as session:
        rows = repository.results_between(session, station_id, since, until, newest_first=newest_first, limit=limit + 1)
        found = inspections.detections_of(session, [row.id for row in rows[:limit]])
    now, links = platform.clock(), platform.live.links
    shown = [row_to_schema(row, found.get(row.id, []), links.link_to(row.image_path, now)) for row in rows[:limit]]
    return ResultList(results=shown, has_more=len(rows) > limit)

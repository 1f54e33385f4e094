"""What this process knows of the tallies, and what the path of every part does for them: nearly nothing.

An inspection belongs to the quarter in which it was asked for. Quarters are counted `GRACE` after their end, when
whatever belongs to them has long been committed. What comes later than `LATE` (a hung disk, a clock that was set back)
says so in its own transaction, and its quarter is counted again. All others compare two times and go on.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from serving.clock import Clock
from serving.statistics import tally_repository
from serving.statistics.quarters import quarter_of

GRACE: Final = timedelta(minutes=2)
LATE: Final = timedelta(minutes=1)


class Tallied:
    """How far tallies reach, as far as this process knows. The writer's thread changes it, others may read it."""

    def __init__(self, clock: Clock) -> None:
        """Takes the clock; nothing is known yet."""
        self._clock = clock
        self._until = datetime.min.replace(tzinfo=UTC)

    def advance(self, until: datetime) -> None:
        """Notes that a quarter with this end is counted."""
        self._until = max(self._until, until)

    def note_stored(self, connection: Connection, inspection: Mapping[str, Any]) -> None:
        """Has the quarter of an inspection counted again if the inspection came late. Call it after the insert.

        Args:
            connection: That of the transaction that stores it.
            inspection: Its values by column.
        """
        created_at: datetime = inspection["created_at"]
        if created_at < self._until or self._clock() - created_at > LATE:
            recount(connection, inspection["part_id"], inspection["station_id"], created_at)


def recount(connection: Connection, part_id: str | None, station_id: str, created_at: datetime) -> None:
    """Has the quarter of an inspection that came late or goes counted again.

    With it goes that of the part's next inspection: it may have become the first one, or may be it no longer.
    """
    quarters = {quarter_of(created_at)}
    if part_id is not None:
        next_at = tally_repository.next_of_part(connection, part_id, station_id, created_at)
        quarters |= set() if next_at is None else {quarter_of(next_at)}
    for quarter in sorted(quarters):
        tally_repository.make_stale(connection, quarter)

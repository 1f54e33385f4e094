"""What somebody wants figures of."""

from dataclasses import dataclass
from typing import Final

from serving.statistics.counts import Stations

DEFAULT_HOURS: Final = 24


@dataclass(frozen=True, slots=True)
class Scope:
    """The last hours, of all stations or of one.

    Attributes:
        hours: Length of the window, which ends now.
        station_id: The station, None for all that may be seen.
        allowed: The only stations that may be seen, None where all may.
    """

    hours: int = DEFAULT_HOURS
    station_id: str | None = None
    allowed: Stations = None

    @property
    def stations(self) -> Stations:
        """The stations to count; None means all."""
        return self.allowed if self.station_id is None else frozenset({self.station_id})

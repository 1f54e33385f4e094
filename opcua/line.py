"""What is known of a station: its counters and its last result. No OPC UA in here."""

from dataclasses import dataclass, field

from opcua.hour import PassRateHour
from serving.inspections.schemas import InspectionOut
from serving.opcua_status.schemas import StationSnapshot


@dataclass(slots=True)
class Line:
    """One station; grows by `take`.

    Attributes:
        station_id: Its id.
        passed: Parts of all time, as `failed` and `uncertain`.
        results: Number of results, which never goes back.
        last: The last result, None before the first.
        hour: The last hour.
    """

    station_id: str
    passed: int = 0
    failed: int = 0
    uncertain: int = 0
    results: int = 0
    last: InspectionOut | None = None
    hour: PassRateHour = field(default_factory=PassRateHour)

    def load(self, told: StationSnapshot) -> None:
        """Begins anew from what the database has."""
        self.passed, self.failed, self.uncertain = told.passed, told.failed, told.uncertain
        # A client counts on it: what it has seen stays seen, also where inspections were deleted.
        self.results = max(self.results, told.passed + told.failed + told.uncertain)
        self.last = told.last
        self.hour = PassRateHour(told.last_hour)

    def take(self, result: InspectionOut) -> None:
        """Counts one more result."""
        match result.decision:
            case "pass":
                self.passed += 1
            case "fail":
                self.failed += 1
            case _:
                self.uncertain += 1
        self.results += 1
        self.last = result
        self.hour.add(result.created_at, passed=result.decision == "pass")

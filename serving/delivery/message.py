"""What targets are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol
from uuid import uuid4

from serving.errors import ServingError

Event = Literal["raised", "resolved", "test"]
_TITLES: Final[Mapping[Event, str]] = {"raised": "", "resolved": "Resolved: ", "test": "Test: "}


@dataclass(frozen=True, slots=True)
class Message:
    """One alert for one target.

    Attributes:
        number: The same at every try, so that a receiver knows what it has had already.
        event: What happened to the alert.
        alert: The alert as `GET /api/v1/alerts` lists it.
    """

    number: str
    event: Event
    alert: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The message in one line."""
        station = self.alert.get("station_id")
        place = f" ({station})" if station else ""
        line = f"[Ussop] {_TITLES[self.event]}{self.alert['severity']}: {self.alert['title']}{place}"
        return " ".join(line.split())[:200]


class Target(Protocol):
    """Somebody who is told of alerts."""

    @property
    def name(self) -> str:
        """What lists and logs call it; holds no secret."""

    def accepts(self, severity: str) -> bool:
        """Whether it wants to hear of alerts of this severity."""

    async def send(self, message: Message) -> str | None:
        """What is to be noted of a message that was told, None if nothing is. Ends within its own deadline.

        Raises:
            DeliveryFailed: It was not told.
        """


class DeliveryFailed(ServingError):  # noqa: N818 - as its siblings in serving.errors
    """A target did not take a message. The reason is for people and repeats nothing that a web server said.

    Attributes:
        is_final: Whether another try is pointless.
    """

    code = "delivery_failed"

    def __init__(self, reason: str, *, is_final: bool = False) -> None:
        super().__init__(reason[:500])
        self.is_final = is_final


def example_message(severity: str, now: datetime) -> Message:
    """A message that tells of nothing, to see whether it arrives."""
    moment = now.isoformat()
    alert: dict[str, Any] = {
        "id": f"test-{uuid4()}",
        "severity": severity,
        "title": "Delivery test",
        "message": "Somebody tries whether alerts arrive here. Nothing has happened.",
        "code": "delivery_test",
        "params": {},
        "ended_code": None,
        "timestamp": moment,
        "acknowledged": False,
        "station_id": None,
        "occurrences": 1,
        "last_seen_at": moment,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "resolved_at": None,
    }
    return Message(str(alert["id"]), "test", alert)

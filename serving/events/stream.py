"""Everything about events that lives as long as the API."""

from typing import Final

from anyio import CapacityLimiter

from serving.api_keys.book import KeyBook
from serving.auth.sessions import SessionChecker
from serving.clock import Clock, utc_now
from serving.database import Database
from serving.events.fresh import FreshAnswers
from serving.events.hub import Hub
from serving.events.loop import Loop
from serving.events.metrics import EventMetrics
from serving.events.pulse import PING_S, STATS_S, Figures, Pulse
from serving.events.reader import Reader
from serving.events.relay import Relay
from serving.events.retention import EventRetention
from serving.events.session_watch import CHECK_S, SessionWatch
from serving.images.links import ImageLinks
from serving.metrics.registry import Metrics
from serving.settings import Settings
from serving.storage.clock_watch import ClockWatch

# Clients that come back after a break of the network all want what they missed, at the same moment.
_READERS: Final = 2
_FIRST_SWEEP_S: Final = 30.0


class EventStream:
    """The relay, the hub and the loops beside them.

    Attributes:
        hub: Who follows.
        fresh: Answers on their way to the followers.
        reader: What was stored.
        pulse: The figures.
        sessions: Ends the connections of those who are no longer welcome.
        metrics: What is counted.
        reading_slots: How many followers read stored events at once.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        links: ImageLinks,
        sessions: SessionChecker,
        keys: KeyBook,
        figures: Figures,
        metrics: Metrics,
        clock: Clock = utc_now,
    ) -> None:
        """Takes what it works on; `start` begins."""
        self.metrics = EventMetrics(metrics.registry)
        self.hub = Hub(
            self.metrics,
            most_clients=settings.websocket_clients,
            most_per_user=settings.websocket_clients_per_user,
        )
        self.fresh = FreshAnswers()
        self.reader = Reader(database, links, clock, self.fresh)
        self.pulse = Pulse(self.hub, figures, clock)
        self.sessions = SessionWatch(sessions, keys, clock)
        self.reading_slots = CapacityLimiter(_READERS)
        self._relay = Relay(database, self.reader, self.hub, metrics, self.metrics)
        retention = EventRetention(
            database,
            clock,
            ClockWatch(clock),
            keep_days=settings.events_keep_days,
            keep_rows=settings.events_keep_rows,
        )
        self._loops = (
            Loop("events_ping", self.pulse.ping, metrics, delay_s=PING_S),
            Loop("events_stats", self.pulse.refresh, metrics, delay_s=STATS_S),
            Loop("events_sessions", self.sessions.check, metrics, delay_s=CHECK_S),
            Loop("events_retention", retention.sweep, metrics, delay_s=_FIRST_SWEEP_S),
        )

    def start(self) -> None:
        """Begins, on the running event loop."""
        self._relay.start()
        for loop in self._loops:
            loop.start()

    async def catch_up(self) -> None:
        """Before somebody begins to follow: what was committed while nobody did is known then."""
        was_followed = self.hub.is_followed
        self.hub.note_asked()
        if not was_followed:
            await self._relay.look()

    def close(self) -> None:
        """Lets nobody wait for the next event any more: the server ends, and waits for every answer."""
        self.hub.close()

    async def stop(self) -> None:
        """Ends after the rounds that are under way."""
        self.close()
        for loop in self._loops:
            await loop.stop()
        await self._relay.stop()

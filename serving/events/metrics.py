"""The measured quantities of the events."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from serving.events.outbox import EVENT_TYPES

_LAG_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class EventMetrics:
    """Gauges and counters beside those of `Metrics`, in the same registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Gauge(
            "ussop_events_relay_lag_seconds",
            "How long the oldest commit that is not published yet has been waiting; 0 when all are.",
            registry=registry,
        )
        self._relay_seconds = Histogram(
            "ussop_events_relay_seconds",
            "Time from a commit of this process to the publication of its events.",
            buckets=_LAG_BUCKETS_S,
            registry=registry,
        )
        self._published = Counter("ussop_events_published", "Published events.", ("type",), registry=registry)
        self._clients = Gauge("ussop_ws_clients", "WebSocket connections that follow the events.", registry=registry)
        self._dropped = Counter(
            "ussop_ws_dropped", "WebSocket connections that were refused or cut off.", ("reason",), registry=registry
        )

    def watch_lag(self, lag_s: Callable[[], float]) -> None:
        """Show the lag, asked for at each scrape."""
        self._lag.set_function(lag_s)

    def watch_clients(self, clients: Callable[[], float]) -> None:
        """Show the number of connections, asked for at each scrape."""
        self._clients.set_function(clients)

    def observe_relay(self, seconds: float) -> None:
        """Note how long a commit waited for its publication."""
        self._relay_seconds.observe(seconds)

    def count_published(self, kind: str) -> None:
        """Count one event."""
        self._published.labels(kind if kind in EVENT_TYPES else "other").inc()

    def count_dropped(self, reason: str) -> None:
        """Count one connection that we ended; `reason` is the kind of an `Ending`."""
        self._dropped.labels(reason).inc()

"""The measured quantities of one running API. Seconds, as Prometheus wants them; labels from bounded sets only."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from serving.metrics.bounded import BoundedLabel

# From a 1 ms health answer to the inference deadline.
_REQUEST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_STAGE_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5)
_TOTAL_BUCKETS_S = (0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# A plant may have a thousand stations, each with three decisions: the dashboards show the busy hundred.
MOST_STATIONS: Final = 100
MOST_CLASSES: Final = 100
SWAPS: Final = ("deployed", "rolled_back", "followed")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """Counters and histograms in a registry of their own (two applications in one process do not mix)."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "ussop_http_requests", "Answered requests.", ("method", "route", "status"), registry=self.registry
        )
        self._request_seconds = Histogram(
            "ussop_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("method", "route"),
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self._inspections = Counter(
            "ussop_inspections", "Stored inspections.", ("station", "decision"), registry=self.registry
        )
        self._failures = Counter(
            "ussop_inspection_failures",
            "Inspections that gave an error and no verdict.",
            ("code",),
            registry=self.registry,
        )
        self._stage_seconds = Histogram(
            "ussop_inspection_stage_seconds",
            "Time of one stage of an inspection.",
            ("stage",),
            buckets=_STAGE_BUCKETS_S,
            registry=self.registry,
        )
        self._inspection_seconds = Histogram(
            "ussop_inspection_seconds",
            "Time of a stored inspection, from the last byte of its request to the verdict.",
            buckets=_TOTAL_BUCKETS_S,
            registry=self.registry,
        )
        self._defects = Counter(
            "ussop_defects", "Defects found in stored inspections.", ("defect_class",), registry=self.registry
        )
        self._stations, self._classes = BoundedLabel(MOST_STATIONS), BoundedLabel(MOST_CLASSES)
        self._models = Gauge(
            "ussop_model_info", "1 for the deployed model.", ("name", "version", "backend"), registry=self.registry
        )
        self._swaps = Counter(
            "ussop_model_swaps", "Models put to use in place of another, by why.", ("action",), registry=self.registry
        )
        for action in SWAPS:
            self._swaps.labels(action)  # from 0 on, so that the first one is a rise
        self._background_failures = Counter(
            "ussop_background_failures", "Rounds of a background loop that failed.", ("loop",), registry=self.registry
        )

    def observe_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request. `route` is the template of the route, never the path asked for."""
        label = method if method in _METHODS else "other"
        self._requests.labels(label, route, str(status)).inc()
        self._request_seconds.labels(label, route).observe(seconds)

    def observe_inspection(
        self,
        station_id: str,
        decision: str,
        timings_ms: Mapping[str, float],
        *,
        total_ms: float,
        class_names: Iterable[str] = (),
    ) -> None:
        """Count one stored inspection, its time and that of each of its stages (in milliseconds), and its defects."""
        self._inspections.labels(self._stations.of(station_id), decision).inc()
        self._inspection_seconds.observe(total_ms / 1000.0)
        for class_name in class_names:
            self._defects.labels(self._classes.of(class_name)).inc()
        for stage, milliseconds in timings_ms.items():
            self._stage_seconds.labels(stage).observe(milliseconds / 1000.0)

    def observe_inspection_failure(self, code: str) -> None:
        """Count one inspection that ended in an error; `code` is that of the error."""
        self._failures.labels(code).inc()

    def observe_background_failure(self, loop: str) -> None:
        """Count one round of a background loop that ended in an error nobody expected."""
        self._background_failures.labels(loop).inc()

    def show_model(self, name: str, version: str, backend: str) -> None:
        """Show one model as the deployed one and forget the others."""
        self._models.clear()
        self._models.labels(name, version, backend).set(1)

    def count_swap(self, action: str) -> None:
        """Count one change of the model in use; `action` is one of `SWAPS`."""
        self._swaps.labels(action if action in SWAPS else "other").inc()

    def watch_queue(self, name: str, length: Callable[[], float]) -> None:
        """Show the length of a queue, asked for at each scrape."""
        gauge = Gauge(f"ussop_{name}_waiting", f"Jobs waiting: {name}.", registry=self.registry)
        gauge.set_function(length)

    def expose(self) -> bytes:
        """Everything in the Prometheus text format. Blocks: some of it is counted in the database."""
        return generate_latest(self.registry)

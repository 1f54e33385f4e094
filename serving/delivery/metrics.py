"""The measured quantities of the deliveries."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter

Outcome = Literal["sent", "failed_try", "given_up"]


class DeliveryMetrics:
    """Counters beside those of `Metrics`, in the same registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter(
            "ussop_alert_deliveries",
            "Tries to tell a target of an alert, by how they ended.",
            ("target", "outcome"),
            registry=registry,
        )

    def count(self, target: str, outcome: Outcome) -> None:
        """Count one try. The targets are those of the settings, so they are few."""
        self._tries.labels(target, outcome).inc()

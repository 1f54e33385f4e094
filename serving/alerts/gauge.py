"""The number of open alerts for Prometheus, counted at each scrape: another process may have raised them."""

from collections.abc import Iterable, Iterator
from typing import Final, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from serving.alerts import repository
from serving.alerts.schemas import Severity
from serving.database import Database
from serving.errors import StorageUnavailable

_NAME: Final = "ussop_alerts_open"


class OpenAlerts(Collector):
    """Counts alerts that are not resolved. Blocks while a scrape is answered."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        """Takes the database, and the registry to be asked by."""
        self._database = database
        registry.register(self)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """The metric without values: what is registered needs no database."""
        return [_family()]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """One value per severity; none while the database does not answer, for 0 would be a lie."""
        family = _family()
        try:
            with self._database.read() as session:
                found = repository.count_open(session)
        except StorageUnavailable:
            yield family
            return
        for severity in get_args(Severity):
            family.add_metric([severity], found.get(severity, 0))
        yield family


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(_NAME, "Alerts that are not resolved.", labels=("severity",))

"""What questions may be answered from."""

from dataclasses import dataclass

from serving.clock import Clock, utc_now
from serving.database import Database
from serving.live import LiveInspector
from serving.model_versions.switch import ModelSwitch
from serving.settings import Settings
from serving.statistics.service import Statistics


@dataclass(frozen=True)
class Sources:
    """The parts of the platform that answers come from; see `Platform` for what each of them is."""

    settings: Settings
    database: Database
    statistics: Statistics
    live: LiveInspector
    switch: ModelSwitch
    clock: Clock = utc_now

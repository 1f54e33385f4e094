"""The rules of the stations in memory, so that an inspection does not ask the database for them."""

import asyncio
from dataclasses import dataclass

from models.recipe import Recipe, Thresholds
from serving.database import Database
from serving.stations import repository
from serving.tables import Station


@dataclass(frozen=True, slots=True)
class StationRules:
    """What holds at a station now.

    Attributes:
        recipe: The rules for the runtime.
        exists: Whether the station is in the database already.
    """

    recipe: Recipe
    exists: bool


def station_to_recipe(station: Station) -> Recipe:
    """The rules of a station as the runtime takes them; the name tells station and revision."""
    region = station.region_of_interest
    return Recipe(
        name=f"{station.id}@{station.revision}",
        mm_per_px=station.mm_per_px,
        thresholds={k: Thresholds(t["accept_below"], t["reject_above"]) for k, t in station.thresholds.items()},
        min_area_px=dict(station.min_area_px),
        min_area_mm2=dict(station.min_area_mm2),
        region_of_interest=tuple((float(x), float(y)) for x, y in region) if region else None,
    )


class StationBook:
    """Remembers the rules of every known station. There are at most as many as stations, so it stays small."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rules: dict[str, StationRules] = {}
        # Raised with each change: what was read before a change must not be remembered after it.
        self._generation = 0

    async def rules_of(self, station_id: str) -> StationRules:
        """The rules of a station; those of a new one if it is not known.

        Raises:
            StorageUnavailable: They must be read and cannot.
        """
        known = self._rules.get(station_id)
        if known is not None:
            return known
        generation = self._generation
        rules = await asyncio.to_thread(self._read, station_id)
        # An unknown id is not remembered: anybody could fill the memory with those.
        if rules.exists and generation == self._generation:
            self._rules[station_id] = rules
        return rules

    def forget(self, station_id: str) -> None:
        """Says that a station was changed or made: the next inspection reads it anew. Call it on the event loop."""
        self._generation += 1
        self._rules.pop(station_id, None)

    def _read(self, station_id: str) -> StationRules:
        with self._database.read() as session:
            station = repository.find(session, station_id)
        if station is None:
            return StationRules(Recipe(f"{station_id}@1"), exists=False)
        return StationRules(station_to_recipe(station), exists=True)

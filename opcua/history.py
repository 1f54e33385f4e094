"""The past of a station's nodes, read from the platform's database when somebody asks; nothing is stored twice."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.history import HistoryStorageInterface

from opcua.line import Line
from opcua.nodes import RESULT_NODES, data_value
from serving.client import ClientError
from serving.client_opcua import OpcUaClient
from serving.inspections.schemas import InspectionOut

_PAGE: Final = 500
_MOST_VALUES: Final = 5000
_HISTORIZED: Final = {spec.name: spec for spec in RESULT_NODES if spec.has_history}
# The beginning of OPC UA's time stands for "not told"; clients write it in many ways.
_NOT_TOLD: Final = datetime(1602, 1, 1, tzinfo=UTC)
_NO_LINE: Final = Line("")


class ResultHistory(HistoryStorageInterface):
    """Answers HistoryRead on the nodes that have a past: one value for each stored inspection."""

    def __init__(self, client: OpcUaClient) -> None:
        """Takes the way to the API."""
        super().__init__(_MOST_VALUES)
        self._client = client

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """Values between two times, both included, and where to go on if there are more.

        Args:
            node_id: The node.
            start: Where to begin; later than the end, or not told: the newest first.
            end: Where to end; not told: at the present.
            nb_values: At most so many; 0 for all, page by page.

        Raises:
            ServiceError: The node has no past, or the API does not answer.
        """
        station_id, name = _parts_of(node_id)
        begin, finish = _told(start), _told(end)
        if begin is None and finish is None:
            raise ServiceError(ua.StatusCodes.BadInvalidTimestampArgument)
        backwards = begin is None or (finish is not None and begin > finish)
        present = datetime.now(UTC) + timedelta(minutes=1)
        span = sorted((begin or datetime(1990, 1, 1, tzinfo=UTC), finish or present))
        most = min(nb_values or _MOST_VALUES, _MOST_VALUES)
        results, following = await self._read(station_id, span[0], span[1], newest_first=backwards, most=most)
        spec = _HISTORIZED[name]
        values = [data_value(_value(name, result), spec, result.created_at) for result in results]
        # Asyncua goes on from a time in place of the start: without one it would turn the order around.
        return values, following if begin is not None else None

    async def _read(
        self, station_id: str, since: datetime, until: datetime, *, newest_first: bool, most: int
    ) -> tuple[list[InspectionOut], datetime | None]:
        """So many results of a span, and the time of the next one."""
        found: dict[str, InspectionOut] = {}
        while len(found) <= most:
            limit = min(_PAGE, most + 1)
            ask = partial(self._client.results, station_id, since, until, newest_first=newest_first, limit=limit)
            try:
                page = await asyncio.to_thread(ask)
            except ClientError as error:
                raise ServiceError(ua.StatusCodes.BadResourceUnavailable) from error
            before = len(found)
            found.update((result.id, result) for result in page.results)
            if not page.has_more or len(found) == before:
                break
            # The border is read twice and counted once: several inspections may have its time.
            last_at = page.results[-1].created_at
            since, until = (since, last_at) if newest_first else (last_at, until)
        results = list(found.values())
        return results[:most], results[most].created_at if len(results) > most else None

    async def init(self) -> None:
        """Nothing is opened."""

    async def stop(self) -> None:
        """Nothing is closed."""

    async def new_historized_node(self, *_: Any, **__: Any) -> None:
        """Nothing is stored here."""

    async def save_node_value(self, *_: Any, **__: Any) -> None:
        """Nothing is stored here."""

    async def new_historized_event(self, *_: Any, **__: Any) -> None:
        """Nothing is stored here."""

    async def save_event(self, *_: Any, **__: Any) -> None:
        """Nothing is stored here."""

    async def read_event_history(self, *_: Any, **__: Any) -> tuple[Sequence[Any], None]:
        """Events have no past: the failed inspections have.

        Raises:
            ServiceError: Always.
        """
        raise ServiceError(ua.StatusCodes.BadHistoryOperationUnsupported)


def _value(name: str, result: InspectionOut) -> Any:
    value = _HISTORIZED[name].value
    return None if value is None else value(_NO_LINE, result)


def _parts_of(node_id: ua.NodeId) -> tuple[str, str]:
    parts = str(node_id.Identifier).split("/")
    if len(parts) != 3 or parts[0] != "station" or parts[2] not in _HISTORIZED:
        raise ServiceError(ua.StatusCodes.BadHistoryOperationUnsupported)
    return parts[1], parts[2]


def _told(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return None if aware <= _NOT_TOLD else aware

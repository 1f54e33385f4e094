"""Every station of the plant in the address space, and how the platform is."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from asyncua import Node, Server, ua

from opcua.blueprint import Blueprint
from opcua.condition import STARTING, Condition
from opcua.line import Line
from opcua.nodes import NAMESPACE, ROOT, STATIONS, SYSTEM_STATUS, station_node
from opcua.station import StationNodes, add_station
from serving.inspections.schemas import InspectionOut
from serving.opcua_status.schemas import Snapshot

ResultListener = Callable[[StationNodes, InspectionOut], Coroutine[Any, Any, None]]
StationListener = Callable[[StationNodes], Coroutine[Any, Any, None]]
ConditionListener = Callable[[Condition], Coroutine[Any, Any, None]]
_log = structlog.get_logger(__name__)


class Board:
    """Shows what it is told, one thing after another.

    Attributes:
        root: The object that everything lies below.
        namespace: Index of our namespace.
        stations: By id.
        condition: How the platform is.
        on_station: Heard of each new station, before its first result.
        on_result: Heard of each result, after its nodes.
        on_condition: Heard of each other condition.
    """

    def __init__(self, server: Server, root: Node, folder: Node, namespace: int) -> None:
        """Takes the nodes in the address space; `create` makes them."""
        self.root = root
        self.namespace = namespace
        self.stations: dict[str, StationNodes] = {}
        self.condition = STARTING
        self.on_station: list[StationListener] = []
        self.on_result: list[ResultListener] = []
        self.on_condition: list[ConditionListener] = []
        self._server = server
        self._folder = folder
        self._blueprint: Blueprint | None = None
        self._showing = asyncio.Lock()
        self._status_id = ua.NodeId(SYSTEM_STATUS, namespace)

    @classmethod
    async def create(cls, server: Server) -> "Board":
        """An empty board in the address space."""
        namespace = await server.register_namespace(NAMESPACE)
        root = await server.nodes.objects.add_object(ua.NodeId(ROOT, namespace), ua.QualifiedName(ROOT, namespace))
        status = await root.add_variable(
            ua.NodeId(SYSTEM_STATUS, namespace),
            ua.QualifiedName(SYSTEM_STATUS, namespace),
            STARTING.name,
            varianttype=ua.VariantType.String,
        )
        await status.write_attribute(
            ua.AttributeIds.Description, ua.DataValue(ua.LocalizedText("How the platform is, see the documentation"))
        )
        folder = await root.add_folder(ua.NodeId(STATIONS, namespace), ua.QualifiedName(STATIONS, namespace))
        return cls(server, root, folder, namespace)

    @property
    def names(self) -> Sequence[str]:
        """Node ids of the stations and of the status, without the namespace."""
        return [*(station_node(station_id) for station_id in sorted(self.stations)), SYSTEM_STATUS]

    async def load(self, snapshot: Snapshot) -> None:
        """Begins anew from what the database has."""
        async with self._showing:
            for told in snapshot.stations:
                nodes = await self._station(told.station_id)
                nodes.line.load(told)
                await nodes.show_condition(STARTING)
        _log.info("opcua_stations_read", stations=len(snapshot.stations), seq=snapshot.seq)

    async def add(self, station_id: str) -> None:
        """Shows a station, if it is new."""
        async with self._showing:
            await self._station(station_id)

    async def _station(self, station_id: str) -> StationNodes:
        known = self.stations.get(station_id)
        if known is not None:
            return known
        made = StationNodes(self._server, await self._object(station_id), Line(station_id), self.namespace)
        self.stations[station_id] = made
        for listener in self.on_station:
            await listener(made)
        await made.show_condition(self.condition)
        return made

    async def _object(self, station_id: str) -> Node:
        node_id = ua.NodeId(station_node(station_id), self.namespace)
        if self._blueprint is None:
            await add_station(self._folder, station_id, self.namespace)
            self._blueprint = Blueprint(self._server, node_id)
        else:
            self._blueprint.build(node_id, ua.QualifiedName(station_id, self.namespace))
        return self._server.get_node(node_id)

    async def take(self, result: InspectionOut) -> None:
        """Shows one more result."""
        async with self._showing:
            nodes = await self._station(result.station_id)
            nodes.line.take(result)
            await nodes.show_result(result)
            for listener in self.on_result:
                await listener(nodes, result)

    async def show(self, condition: Condition) -> None:
        """Shows how the platform is, at every station."""
        async with self._showing:
            await self._show(condition)

    async def _show(self, condition: Condition) -> None:
        for nodes in self.stations.values():
            await nodes.show_condition(condition)
        if condition == self.condition:
            return
        _log.info("opcua_condition", condition=condition.name, reason=condition.text or None)
        self.condition = condition
        now = datetime.now(UTC)
        written = ua.DataValue(
            ua.Variant(condition.name, ua.VariantType.String), SourceTimestamp=now, ServerTimestamp=now
        )
        await self._server.iserver.aspace.write_attribute_value(self._status_id, ua.AttributeIds.Value, written)
        for listener in self.on_condition:
            await listener(condition)

    async def tick(self, now: datetime) -> None:
        """Lets parts grow older than an hour."""
        async with self._showing:
            for nodes in self.stations.values():
                await nodes.show_rate(now)

"""Makes a vision system of every station, and hands on what the board shows."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asyncua import Server, ua

from opcua.board import Board
from opcua.condition import Condition
from opcua.machine_vision.methods import VisionMethods
from opcua.machine_vision.nodeset import Tables, load_tables
from opcua.machine_vision.skeleton import FOLDER, STATES, Kinds, Skeleton, node_below
from opcua.machine_vision.system import VisionSystem
from opcua.machine_vision.telling import Telling, open_kinds
from opcua.station import StationNodes
from opcua.trigger import Trigger
from serving.client_opcua import OpcUaClient
from serving.inspections.schemas import InspectionOut

_log = structlog.get_logger(__name__)


class MachineVision:
    """The vision systems, one for each station."""

    def __init__(
        self,
        server: Server,
        board: Board,
        tables: Tables,
        kinds: Kinds,
        skeleton: Skeleton,
        trigger: Trigger,
        client: OpcUaClient,
    ) -> None:
        """Takes what it needs; `open` begins."""
        self._server = server
        self._board = board
        self._tables = tables
        self._kinds = kinds
        self._skeleton = skeleton
        self._trigger = trigger
        self._client = client
        self._systems: dict[str, VisionSystem] = {}

    @classmethod
    async def open(cls, server: Server, board: Board, trigger: Trigger, client: OpcUaClient) -> "MachineVision":
        """The vision systems of the board's stations, present and to come.

        Raises:
            NodeSetError: The standard's tables are not on this machine.
        """
        tables = await load_tables(server)
        kinds = await open_kinds(server, tables)
        name = ua.QualifiedName(FOLDER, board.namespace)
        folder = await board.root.add_folder(ua.NodeId(FOLDER, board.namespace), name)
        made = cls(server, board, tables, kinds, Skeleton(server, tables, kinds, folder), trigger, client)
        board.on_station.append(made._add)
        board.on_result.append(made._take)
        board.on_condition.append(made._show)
        return made

    def close(self) -> None:
        """Ends the jobs that run."""
        for system in self._systems.values():
            system.close()

    async def _add(self, nodes: StationNodes) -> None:
        station_id = nodes.line.station_id
        if f".{STATES}" in station_id:
            # The ids of its nodes would be those of another station's.
            _log.warning("opcua_station_without_machine_vision", station_id=station_id)
            return
        root = await self._skeleton.make(station_id)
        telling = Telling(self._server, self._tables, self._kinds, station_id, root)
        system = VisionSystem(nodes, self._trigger, telling)
        for path, function in VisionMethods(system, self._client).table().items():
            self._link(node_below(root, *path), function)
        self._systems[station_id] = system
        await telling.show(system.machine.outer, system.machine.state)
        await system.show_condition(self._board.condition)

    def _link(self, method: ua.NodeId, function: Callable[..., Awaitable[Any]]) -> None:
        async def call(parent: ua.NodeId, *arguments: ua.Variant) -> Any:
            return await function(parent, *arguments)

        self._server.link_method(self._server.get_node(method), call)

    async def _take(self, nodes: StationNodes, result: InspectionOut) -> None:
        if (system := self._systems.get(nodes.line.station_id)) is not None:
            await system.take(result)

    async def _show(self, condition: Condition) -> None:
        for system in self._systems.values():
            await system.show_condition(condition)

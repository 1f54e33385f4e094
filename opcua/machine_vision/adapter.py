"""Makes a vision system of every station, and hands on what the board shows."""

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from asyncua import Node, Server, ua

from opcua.board import Board
from opcua.condition import Condition
from opcua.machine_vision import nodeset
from opcua.machine_vision.methods import VisionMethods
from opcua.machine_vision.nodeset import Tables, load_tables
from opcua.machine_vision.system import VisionSystem
from opcua.machine_vision.telling import Telling
from opcua.station import StationNodes
from opcua.trigger import Trigger
from serving.client_opcua import OpcUaClient
from serving.inspections.schemas import InspectionOut

FOLDER = "VisionSystems"
_log = structlog.get_logger(__name__)


class MachineVision:
    """The vision systems, one for each station."""

    def __init__(self, server: Server, board: Board, tables: Tables, trigger: Trigger, client: OpcUaClient) -> None:
        """Takes what it needs; `open` begins."""
        self._server = server
        self._board = board
        self._tables = tables
        self._trigger = trigger
        self._client = client
        self._folder: Node | None = None
        self._systems: dict[str, VisionSystem] = {}

    @classmethod
    async def open(cls, server: Server, board: Board, trigger: Trigger, client: OpcUaClient) -> "MachineVision":
        """The vision systems of the board's stations, present and to come.

        Raises:
            NodeSetError: The standard's tables are not on this machine.
        """
        made = cls(server, board, await load_tables(server), trigger, client)
        name = ua.QualifiedName(FOLDER, board.namespace)
        made._folder = await board.root.add_folder(ua.NodeId(FOLDER, board.namespace), name)
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
        assert self._folder is not None  # noqa: S101 - `open` comes first
        root = await self._object(self._folder, station_id, nodeset.VISION_SYSTEM, self._board.namespace)
        states = await root.get_child(f"{self._tables.namespace}:VisionStateMachine")
        inner = await self._object(states, "AutomaticModeStateMachine", nodeset.AUTOMATIC_STATES)
        for name, kind in (
            ("RecipeManagement", nodeset.RECIPE_MANAGEMENT),
            ("ResultManagement", nodeset.RESULT_MANAGEMENT),
        ):
            await self._object(root, name, kind)
        telling = Telling(self._server, self._tables, root, states, inner)
        await telling.prepare(station_id)
        system = VisionSystem(nodes, self._trigger, telling)
        for path, function in VisionMethods(system, self._client).table().items():
            await self._link(root, states, path, function)
        self._systems[station_id] = system
        await telling.show(system.machine.outer, system.machine.state)
        await system.show_condition(self._board.condition)

    async def _object(self, parent: Node, name: str, kind: int, namespace: int | None = None) -> Node:
        index = self._tables.namespace if namespace is None else namespace
        above = "vision" if parent is self._folder else parent.nodeid.Identifier
        node_id = ua.NodeId(f"{above}/{name}", self._board.namespace)
        return await parent.add_object(
            node_id, ua.QualifiedName(name, index), objecttype=self._tables.id_of(kind), instantiate_optional=False
        )

    async def _link(
        self, root: Node, states: Node, path: tuple[str, ...], function: Callable[..., Awaitable[Any]]
    ) -> None:
        index = self._tables.namespace

        async def call(parent: ua.NodeId, *arguments: ua.Variant) -> Any:
            return await function(parent, *arguments)

        if path[-1] == "SelectModeAutomatic":  # optional in the NodeSet, mandatory in the text (8.2.2.1)
            outputs = [_error_argument()]
            node_id = ua.NodeId(f"{states.nodeid.Identifier}/{path[-1]}", self._board.namespace)
            await states.add_method(node_id, ua.QualifiedName(path[-1], index), call, [], outputs)
            return
        node = await root.get_child([f"{index}:{name}" for name in path])
        self._server.link_method(node, call)

    async def _take(self, nodes: StationNodes, result: InspectionOut) -> None:
        await self._systems[nodes.line.station_id].take(result)

    async def _show(self, condition: Condition) -> None:
        for system in self._systems.values():
            await system.show_condition(condition)


def _error_argument() -> ua.Argument:
    made = ua.Argument()
    made.Name, made.DataType, made.ValueRank = "Error", ua.NodeId(ua.ObjectIds.Int32), -1
    made.Description = ua.LocalizedText("0 is good")
    return made

"""The nodes of a vision system, without anything that moves them."""

from collections.abc import Mapping
from typing import Any, Final

from asyncua import Node, Server, ua

from opcua.blueprint import Blueprint
from opcua.events import EventKind
from opcua.machine_vision import nodeset
from opcua.machine_vision.nodeset import Tables

Kinds = Mapping[int, EventKind]
FOLDER: Final = "VisionSystems"
STATES: Final = "VisionStateMachine"
AUTOMATIC: Final = "AutomaticModeStateMachine"
SELECT_AUTOMATIC: Final = "SelectModeAutomatic"
# Which of the standard's objects asyncua has made as a part of another: their ids hang on by a dot, ours by a stroke.
_OWN: Final = frozenset({AUTOMATIC, SELECT_AUTOMATIC, "RecipeManagement", "ResultManagement"})


class Skeleton:
    """Makes the nodes: those of the first system by the standard's types, those of all others as their copies."""

    def __init__(self, server: Server, tables: Tables, kinds: Kinds, folder: Node) -> None:
        """Takes where they go, and which events they tell of."""
        self._server = server
        self._tables = tables
        self._kinds = kinds
        self._folder = folder
        self._blueprint: Blueprint | None = None

    async def make(self, station_id: str) -> ua.NodeId:
        """The object of a station's vision system, new in the address space."""
        root = ua.NodeId(f"vision/{station_id}", self._folder.nodeid.NamespaceIndex)
        name = ua.QualifiedName(station_id, root.NamespaceIndex)
        if self._blueprint is None:
            await self._make_first(root, name)
            self._blueprint = Blueprint(self._server, root)
        else:
            self._blueprint.build(root, name)
        return root

    async def _make_first(self, root_id: ua.NodeId, name: ua.QualifiedName) -> None:
        root = await self._add(self._folder, root_id, name, nodeset.VISION_SYSTEM)
        states = self._server.get_node(node_below(root_id, STATES))
        inner = await self._add_named(states, node_below(root_id, STATES, AUTOMATIC), nodeset.AUTOMATIC_STATES)
        for part, kind in (
            ("RecipeManagement", nodeset.RECIPE_MANAGEMENT),
            ("ResultManagement", nodeset.RESULT_MANAGEMENT),
        ):
            await self._add_named(root, node_below(root_id, part), kind)
        # Optional in the NodeSet, mandatory in the text (8.2.2.1).
        select_id = node_below(root_id, STATES, SELECT_AUTOMATIC)
        select_name = ua.QualifiedName(SELECT_AUTOMATIC, self._tables.namespace)
        await states.add_method(select_id, select_name, _unlinked, [], [_error_argument()])
        for machine in (states, inner):
            await self._add_number(machine)
        for kind_of_event in self._kinds.values():
            await kind_of_event.announce(root_id)

    async def _add_named(self, parent: Node, node_id: ua.NodeId, kind: int) -> Node:
        name = str(node_id.Identifier).rpartition("/")[2]
        return await self._add(parent, node_id, ua.QualifiedName(name, self._tables.namespace), kind)

    async def _add(self, parent: Node, node_id: ua.NodeId, name: ua.QualifiedName, kind: int) -> Node:
        made: Node = await parent.add_object(
            node_id, name, objecttype=self._tables.id_of(kind), instantiate_optional=False
        )
        return made

    async def _add_number(self, machine: Node) -> None:
        current = self._server.get_node(node_below(machine.nodeid, "CurrentState"))
        number_id, name = node_below(machine.nodeid, "CurrentState", "Number"), ua.QualifiedName("Number", 0)
        await current.add_property(number_id, name, 0, varianttype=ua.VariantType.UInt32)


def node_below(above: ua.NodeId, *path: str) -> ua.NodeId:
    """The node id of what lies below a node of a vision system, by its browse names."""
    found = str(above.Identifier)
    for name in path:
        found += f"/{name}" if name in _OWN else f".{name}"
    return ua.NodeId(found, above.NamespaceIndex)


async def _unlinked(_parent: ua.NodeId, *_arguments: ua.Variant) -> Any:
    return ua.StatusCode(ua.StatusCodes.BadNotImplemented)


def _error_argument() -> ua.Argument:
    made = ua.Argument()
    made.Name, made.DataType, made.ValueRank = "Error", ua.NodeId(ua.ObjectIds.Int32), -1
    made.Description = ua.LocalizedText("0 is good")
    return made

"""The tables of OPC 40100-1: the OPC Foundation's file, fetched at set-up (`make opcua-nodeset`), verified here."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from asyncua import Node, Server, ua

from opcua.errors import NodeSetError
from opcua.machine_vision.states import State

FILE: Final = Path(__file__).parent / "nodeset" / "Opc.Ua.MachineVision.NodeSet2.xml"
SHA256: Final = "3e67454155a9618e0981aa8b3ee248f7a9ee216f9f915b53eb26a69533c0cc62"
NAMESPACE: Final = "http://opcfoundation.org/UA/MachineVision"
# Numbers of the types in the file.
VISION_SYSTEM: Final = 1003
RECIPE_MANAGEMENT: Final = 1004
RESULT_MANAGEMENT: Final = 1007
VISION_STATES: Final = 1017
AUTOMATIC_STATES: Final = 1021
STATE_CHANGED: Final = 1018
ERROR_EVENT: Final = 1019
ERROR_RESOLVED: Final = 1020
RECIPE_PREPARED: Final = 1022
READY_EVENT: Final = 1023
RESULT_READY: Final = 1024
JOB_STARTED: Final = 1013
_IDENTIFIED: Final = 3019


@dataclass(frozen=True, slots=True)
class Tables:
    """The standard's types in our address space.

    Attributes:
        namespace: Index of its namespace.
        states: Node and name of each state.
        transitions: Node and name of each transition, by number.
    """

    namespace: int
    states: Mapping[State, tuple[ua.NodeId, str]]
    transitions: Mapping[int, tuple[ua.NodeId, str]]

    def id_of(self, number: int) -> ua.NodeId:
        """The node id of a type."""
        return ua.NodeId(number, self.namespace)


async def load_tables(server: Server, file: Path = FILE) -> Tables:
    """The types, read into the address space.

    Raises:
        NodeSetError: The file is not there, or is another one.
    """
    try:
        content = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise NodeSetError("the NodeSet is not installed (make opcua-nodeset)") from error
    if sha256(content).hexdigest() != SHA256:
        raise NodeSetError(f"{file.name} is not the file that this version was made for")
    await server.import_xml(xmlstring=content.decode("utf-8"))
    namespace = await server.get_namespace_index(NAMESPACE)
    completed = await _complete_definitions(server, namespace)
    await server.load_data_type_definitions()
    for type_id, name in completed:
        # Asyncua takes the base's class for those, from before they had fields, and would write the base's id.
        setattr(ua, name, ua.extension_objects_by_datatype[type_id])
    states: dict[State, tuple[ua.NodeId, str]] = {}
    transitions: dict[int, tuple[ua.NodeId, str]] = {}
    for number in (VISION_STATES, AUTOMATIC_STATES):
        for child in await server.get_node(ua.NodeId(number, namespace)).get_children():
            name = (await child.read_browse_name()).Name
            if (found := await _number_of(child, "StateNumber")) is not None:
                states[State(found)] = (child.nodeid, name)
            elif (found := await _number_of(child, "TransitionNumber")) is not None:
                transitions[found] = (child.nodeid, name)
    return Tables(namespace, states, transitions)


async def _complete_definitions(server: Server, namespace: int) -> list[tuple[ua.NodeId, str]]:
    """Gives types their fields that the file leaves empty: clients cannot read such values. Their ids and names."""
    completed: list[tuple[ua.NodeId, str]] = []
    base = server.get_node(ua.NodeId(_IDENTIFIED, namespace))
    fields = (await base.read_data_type_definition()).Fields
    for node in await base.get_children(refs=ua.ObjectIds.HasSubtype):
        for encoding in await node.get_referenced_nodes(ua.ObjectIds.HasEncoding):
            if (await encoding.read_browse_name()).Name == "Default Binary":
                definition = ua.StructureDefinition(
                    DefaultEncodingId=encoding.nodeid,
                    BaseDataType=base.nodeid,
                    StructureType=ua.StructureType.StructureWithOptionalFields,
                    Fields=fields,
                )
                written = ua.DataValue(ua.Variant(definition, ua.VariantType.ExtensionObject))
                await node.write_attribute(ua.AttributeIds.DataTypeDefinition, written)
                completed.append((node.nodeid, (await node.read_browse_name()).Name))
    return completed


async def _number_of(node: Node, name: str) -> int | None:
    for child in await node.get_properties():
        if (await child.read_browse_name()).Name == name:
            return int(await child.read_value())
    return None

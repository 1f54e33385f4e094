"""`docs/opcua-address-space.md`, made from the address space itself: `python -m opcua.documentation`."""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import structlog
from asyncua import Node, ua
from pydantic import SecretStr

from opcua.condition import NAMES
from opcua.machine_vision.states import TRANSITIONS
from opcua.nodes import NAMESPACE, REFERENCE_NODES, ROOT, ordered_nodes, station_node
from opcua.notifications import ALERT, ALERT_FIELDS, FAILED, FAILED_FIELDS
from opcua.plant import Plant
from opcua.settings import OpcUaSettings
from serving.client import ServiceAccount

STATION: Final = "line-1"
_NOBODY: Final = ServiceAccount(username="service", password=SecretStr("none"))
_HEAD: Final = """# OPC UA address space

Made from the server by `python -m opcua.documentation`; a test compares the two. How to connect and how the handshake
goes: [opcua-integrators.md](opcua-integrators.md).

Endpoint `opc.tcp://<OPCUA_HOST>:<OPCUA_PORT>/ussop`. Our nodes are in namespace `{namespace}` (index 2); their ids
are strings and stay the same across restarts. Below, `{station}` stands for each station. Browse path of a station:
`Objects/Ussop/Stations/{station}`.

`SystemStatus` (`ns=2;s=SystemStatus`, String) is one of
{names}.
"""


async def describe() -> str:
    """The page."""
    with tempfile.TemporaryDirectory() as folder:
        settings = OpcUaSettings(_env_file=None, data_dir=Path(folder))
        plant = await Plant.open(settings, _NOBODY)
        await plant.built.board.add(STATION)
        names = ", ".join(f"`{name}`" for name in NAMES)
        head = _HEAD.format(namespace=NAMESPACE, station=STATION, names=names)
        sections = [head, *_stations(), *_events(), *[part async for part in _found(plant)]]
    return "\n".join(sections)


def _stations() -> Sequence[str]:
    first = [spec for spec in ordered_nodes() if spec.name in REFERENCE_NODES]
    beyond = [spec for spec in ordered_nodes() if spec.name not in REFERENCE_NODES]
    parts: list[str] = []
    for title, specs in (("Nodes of the API reference", first), ("Beyond the reference", beyond)):
        parts += [f"## {title}\n", "| node id (`ns=2;s=`) | type | history | meaning |", "|---|---|---|---|"]
        for spec in specs:
            kind = f"{spec.type.name}[]" if spec.is_array else spec.type.name
            history = "yes" if spec.has_history else ""
            parts.append(f"| `{station_node(STATION)}/{spec.name}` | {kind} | {history} | {spec.meaning} |")
        parts.append("")
    return parts


def _events() -> Sequence[str]:
    parts = ["## Events\n", "| type (`ns=2;s=`) | told at | fields beside those of BaseEventType |", "|---|---|---|"]
    for name, told_at, fields in (
        (FAILED, "the station and the Server object", FAILED_FIELDS),
        (ALERT, "the Server object", ALERT_FIELDS),
    ):
        shown = ", ".join(f"`{field}` {kind.name}" for field, kind in fields)
        parts.append(f"| `{name}` | {told_at} | {shown} |")
    return [*parts, ""]


async def _found(plant: Plant) -> AsyncIterator[str]:
    yield "## Everything below `Objects/Ussop`, as browsed\n"
    yield "Properties of methods are left out. Names of the standard carry the index of its namespace.\n"
    yield "```text"
    root = plant.built.server.get_node(ua.NodeId(ROOT, plant.built.board.namespace))
    async for line in walk(root, 0):
        yield line
    yield "```\n"
    yield "Numbers of the vision system's transitions (OPC 40100-1), as its events tell them: "
    yield ", ".join(f"{t.number} {t.before.name}→{t.after.name}" for t in TRANSITIONS.values()) + ".\n"


async def walk(node: Node, depth: int) -> AsyncIterator[str]:
    """A line for each node below and including one: browse name, type or arguments, node id."""
    kind = await node.read_node_class()
    name = (await node.read_browse_name()).to_string().removeprefix("2:")
    told = ""
    if kind == ua.NodeClass.Variable:
        told = f": {(await node.read_data_type_as_variant_type()).name}"
    elif kind == ua.NodeClass.Method:
        taken, given = [await _arguments(node, f"{which}Arguments") for which in ("Input", "Output")]
        told = f"({taken}) → {given or 'nothing'}"
    yield f"{'  ' * depth}{name}{told}    {node.nodeid.to_string()}"
    if kind == ua.NodeClass.Method:
        return
    for child in await node.get_children():
        async for line in walk(child, depth + 1):
            yield line


async def _arguments(method: Node, which: str) -> str:
    for child in await method.get_properties():
        if (await child.read_browse_name()).Name == which:
            return ", ".join(str(argument.Name) for argument in await child.read_value() or [])
    return ""


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.stdout.write(asyncio.run(describe()))

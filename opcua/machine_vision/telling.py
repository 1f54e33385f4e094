"""Shows a vision system's state, and tells its events at the system and at the server."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from asyncua import Server, ua

from opcua.events import EventKind
from opcua.machine_vision import nodeset
from opcua.machine_vision.nodeset import Tables
from opcua.machine_vision.skeleton import AUTOMATIC, STATES, Kinds, node_below
from opcua.machine_vision.states import State, Transition

_T = ua.VariantType
_SEVERITY: Final = 100
_ERROR_SEVERITY: Final = 700
_KINDS: Final = (
    *(nodeset.STATE_CHANGED, nodeset.ERROR_EVENT, nodeset.ERROR_RESOLVED, nodeset.JOB_STARTED),
    *(nodeset.READY_EVENT, nodeset.RECIPE_PREPARED, nodeset.RESULT_READY),
)


async def open_kinds(server: Server, tables: Tables) -> Kinds:
    """The standard's types of events that vision systems tell."""
    return {number: await EventKind.open(server, tables.id_of(number)) for number in _KINDS}


class Telling:
    """The state variables and the events of one vision system."""

    def __init__(self, server: Server, tables: Tables, kinds: Kinds, name: str, root: ua.NodeId) -> None:
        """Takes the object of the system."""
        self._space = server.iserver.aspace
        self._tables = tables
        self._kinds = kinds
        self._name = name
        self._root = root
        machines = {False: node_below(root, STATES), True: node_below(root, STATES, AUTOMATIC)}
        ends = (("CurrentState",), ("CurrentState", "Id"), ("CurrentState", "Number"))
        self._variables = {inner: [node_below(at, *end) for end in ends] for inner, at in machines.items()}

    async def show(self, outer: State, state: State) -> None:
        """Shows the state; the inner machine has none while the outer one is not operational."""
        await self._write(is_inner=False, state=outer)
        await self._write(is_inner=True, state=state if state.is_inner else None)

    async def changed(self, transition: Transition) -> None:
        """Tells of a change of state; of errors as the standard wants."""
        before, after = (self._tables.states[state][1] for state in (transition.before, transition.after))
        await self.tell(nodeset.STATE_CHANGED, lambda: self._change(transition), f"{before} to {after}")
        if transition.number in {130, 430}:
            told = {"Severity": _ERROR_SEVERITY}
            await self.tell(nodeset.ERROR_EVENT, lambda: self._change(transition) | told, "the platform cannot inspect")
        elif transition.number == 340:
            await self.tell(nodeset.ERROR_RESOLVED, lambda: self._change(transition), "the platform can inspect again")

    async def tell(
        self, kind: int, values: Callable[[], Mapping[str, Any]], text: str, at: datetime | None = None
    ) -> None:
        """Tells one event, where somebody listens."""
        await self._kinds[kind].tell(self._root, self._name, lambda: {"Severity": _SEVERITY, **values()}, text, at)

    def _change(self, transition: Transition) -> dict[str, Any]:
        moved = self._tables.transitions[transition.number]
        before, after = self._tables.states[transition.before], self._tables.states[transition.after]
        told: dict[str, Any] = {}
        for name, (node_id, label), number in (
            ("Transition", moved, transition.number),
            ("FromState", before, int(transition.before)),
            ("ToState", after, int(transition.after)),
        ):
            told[name] = ua.LocalizedText(label)
            told[f"{name}/Id"] = ua.Variant(node_id, _T.NodeId)
            told[f"{name}/Number"] = ua.Variant(number, _T.UInt32)
        return told

    async def _write(self, *, is_inner: bool, state: State | None) -> None:
        now = datetime.now(UTC)
        if state is None:
            values: Sequence[ua.Variant] = [ua.Variant(None, _T.Null)] * 3
            status = ua.StatusCodes.BadStateNotActive
        else:
            node_id, name = self._tables.states[state]
            values = (
                ua.Variant(ua.LocalizedText(name), _T.LocalizedText),
                ua.Variant(node_id, _T.NodeId),
                ua.Variant(int(state), _T.UInt32),
            )
            status = ua.StatusCodes.Good
        for variable, value in zip(self._variables[is_inner], values, strict=True):
            written = ua.DataValue(value, StatusCode=ua.StatusCode(status), SourceTimestamp=now, ServerTimestamp=now)
            await self._space.write_attribute_value(variable, ua.AttributeIds.Value, written)

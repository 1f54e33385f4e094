"""OPC UA events: a part failed, an alert was raised or ended."""

from collections.abc import Mapping
from typing import Any, Final

from asyncua import Server, ua

from opcua.board import Board
from opcua.events import SERVER, EventKind
from opcua.station import StationNodes
from serving.events.schemas import EventOut
from serving.inspections.schemas import InspectionOut

_T = ua.VariantType
FAILED: Final = "InspectionFailedEventType"
ALERT: Final = "AlertEventType"
FAILED_FIELDS: Final = (
    *(("InspectionId", _T.String), ("StationId", _T.String), ("PartId", _T.String), ("Confidence", _T.Float)),
    *(("ModelVersion", _T.String), ("DefectClasses", _T.String)),
)
ALERT_FIELDS: Final = (
    *(("AlertId", _T.String), ("StationId", _T.String), ("Title", _T.String)),
    *(("IsResolved", _T.Boolean), ("IsAcknowledged", _T.Boolean)),
)
_FAIL_SEVERITY: Final = 500
SEVERITIES: Final[Mapping[str, int]] = {"info": 100, "warning": 400, "error": 700, "critical": 900}


class Notifications:
    """Tells of failed parts at the station and at the server, and of alerts at the server."""

    def __init__(self, board: Board, failed: EventKind, alert: EventKind) -> None:
        """Takes the types of events; `open` makes them."""
        self._failed = failed
        self._alert = alert
        board.on_station.append(self._add_station)
        board.on_result.append(self._tell_result)

    @classmethod
    async def open(cls, server: Server, board: Board) -> "Notifications":
        """Tells of what the board shows from now on."""
        kinds = [
            await _make_type(server, board.namespace, name, fields)
            for name, fields in ((FAILED, FAILED_FIELDS), (ALERT, ALERT_FIELDS))
        ]
        return cls(board, *kinds)

    async def tell_alert(self, event: EventOut) -> None:
        """Tells of an alert that was raised, seen or ended."""
        told = event.data
        values = {
            "AlertId": str(told.get("id")),
            "StationId": str(told.get("station_id") or ""),
            "Title": str(told.get("title")),
            "IsResolved": told.get("resolved_at") is not None,
            "IsAcknowledged": bool(told.get("acknowledged")),
            "Severity": SEVERITIES.get(str(told.get("severity")), _FAIL_SEVERITY),
        }
        text = f"{told.get('title')}: {told.get('message')}"
        await self._alert.tell(SERVER, "Server", lambda: values, text, event.at)

    async def _add_station(self, nodes: StationNodes) -> None:
        await self._failed.announce(nodes.node.nodeid)

    async def _tell_result(self, nodes: StationNodes, result: InspectionOut) -> None:
        if result.decision != "fail":
            return
        classes = sorted({found.class_name for found in result.detections})
        text = f"part {result.part_id or 'without id'} failed: {', '.join(classes) or 'no region'}"

        def values() -> Mapping[str, Any]:
            return {
                "InspectionId": result.id,
                "StationId": result.station_id,
                "PartId": result.part_id or "",
                "Confidence": result.confidence,
                "ModelVersion": result.model_version,
                "DefectClasses": ", ".join(classes),
                "Severity": _FAIL_SEVERITY,
            }

        await self._failed.tell(nodes.node.nodeid, result.station_id, values, text, result.created_at)


async def _make_type(
    server: Server, namespace: int, name: str, fields: tuple[tuple[str, ua.VariantType], ...]
) -> EventKind:
    base = server.get_node(ua.ObjectIds.BaseEventType)
    made = await base.add_object_type(ua.NodeId(name, namespace), ua.QualifiedName(name, namespace))
    for field, kind in fields:
        field_id = ua.NodeId(f"{name}/{field}", namespace)
        empty = ua.get_default_value(kind)
        await made.add_property(field_id, ua.QualifiedName(field, namespace), empty, varianttype=kind)
    return await EventKind.open(server, made.nodeid)

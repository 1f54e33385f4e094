"""What strangers and broken clients send: after Claroty's list for OPC UA servers, each for as long as one likes.

`test_attacks.py` runs each for a moment, `python -m tests.bench.opcua_attacks` for a minute and more.
"""

import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from random import Random
from typing import Any, Final

from asyncua import ua

from tests.opcua.raw import Raw, endless, nested, with_value

_MOST_CONNECTIONS: Final = 130
_BLOCK: Final = b"\0" * 60_000
_BAD_UTF8: Final = b"\xff\xfe\xc3\x28\xed\xa0\x80" * 40


@dataclass
class Target:
    """Whom to attack, for how long.

    Attributes:
        port: Of a server where nobody needs a certificate.
        seconds: How long.
        chance: Decides what is broken; the same seed breaks the same.
        sent: Messages so far.
    """

    port: int
    seconds: float
    chance: Random = field(default_factory=lambda: Random(5))  # noqa: S311 - no secret
    sent: int = 0

    def rounds(self) -> Iterator[None]:
        """One round after the other, until the time is over; at least one."""
        give_up_at = time.monotonic() + self.seconds
        while True:
            self.sent += 1
            yield
            if time.monotonic() > give_up_at:
                return


def _stranger(target: Target, *, logs_in: bool = False) -> Raw:
    raw = Raw(target.port)
    try:
        raw.hello()
        raw.open()
        if logs_in:
            raw.log_in()
    except BaseException:
        raw.socket.close()
        raise
    return raw


def _guest(target: Target) -> Raw:
    return _stranger(target, logs_in=True)


def _until_hung_up(target: Target, connect: Callable[[Target], Raw], send: Callable[[Raw], Any]) -> None:
    """Sends again and again, on a new connection each time the server has hung up."""
    raw: Raw | None = None
    for _ in target.rounds():
        try:
            raw = raw or connect(target)
            send(raw)
        except (OSError, ua.UaError):
            if raw is not None:
                raw.socket.close()
            raw = None
    if raw is not None:
        raw.socket.close()


def giant_headers(target: Target) -> None:
    """Pieces that announce gigabytes."""
    for head in (b"HELF", b"OPNF", b"MSGF", b"MSGC"):
        _until_hung_up(
            Target(target.port, target.seconds / 4),
            lambda who: Raw(who.port),
            lambda raw, head=head: raw.socket.sendall(head + b"\xff\xff\xff\x7f" + _BLOCK),  # type: ignore[misc]
        )
    target.sent += 4


def chunk_flood(target: Target) -> None:
    """Messages that never end, of strangers and of who has logged in."""
    for connect in (_stranger, _guest):
        half = Target(target.port, target.seconds / 2)
        _until_hung_up(half, connect, lambda raw: raw.send_body(_BLOCK, b"C"))
        target.sent += half.sent


def many_channels(target: Target) -> None:
    """More connections than there may be, each with a channel that is renewed, and nobody logs in."""
    for _ in target.rounds():
        with ExitStack() as held:
            for _ in range(_MOST_CONNECTIONS):
                with suppress(OSError, ua.UaError):
                    raw = held.enter_context(_stranger(target))
                    raw.open()


def nested_values(target: Target) -> None:
    """Values in values in values: before the login, and in the arguments of a call."""
    _until_hung_up(
        Target(target.port, target.seconds / 2), _stranger, lambda raw: raw.send_body(with_value(nested(3000)))
    )
    call = _calling(ua.CallMethodRequest(InputArguments=[ua.Variant("here")]))
    marker = bytes(b"\x0c" + struct.pack("<i", 4) + b"here")

    def send(raw: Raw) -> None:
        raw.send_body(raw.encoded(call).replace(marker, nested(12_000)))
        raw.receive()

    _until_hung_up(Target(target.port, target.seconds / 2), _guest, send)
    target.sent += 2


def huge_counts(target: Target) -> None:
    """Arrays of two thousand million elements."""
    read = ua.ReadRequest()
    read.Parameters.NodesToRead = []
    for connect, body in (
        (_stranger, lambda _: with_value(endless())),
        (_guest, lambda _: with_value(endless(), ua.ReadRequest())),
        (_guest, lambda raw: raw.encoded(read)[:-4] + struct.pack("<i", 2**31 - 1)),
    ):
        _until_hung_up(
            Target(target.port, target.seconds / 3),
            connect,
            lambda raw, body=body: (raw.send_body(body(raw)), raw.receive())[0],  # type: ignore[misc]
        )
    target.sent += 3


def deep_paths(target: Target) -> None:
    """Paths that go up and down for ever."""
    step = partial(ua.RelativePathElement, ua.NodeId(ua.ObjectIds.Organizes), IncludeSubtypes=True)
    down = step(IsInverse=False, TargetName=ua.QualifiedName("Objects"))
    up = step(IsInverse=True, TargetName=ua.QualifiedName("Root"))
    long = ua.BrowsePath(ua.NodeId(ua.ObjectIds.RootFolder), ua.RelativePath([down, up] * 1000))
    wanted = ua.TranslateBrowsePathsToNodeIdsRequest()
    wanted.Parameters.BrowsePaths = [long]
    _until_hung_up(target, _guest, lambda raw: raw.ask(wanted))


def orphaned_subscriptions(target: Target) -> None:
    """Sessions that end and leave their subscriptions behind."""

    def send(raw: Raw) -> None:
        for _ in range(10):
            wanted = ua.CreateSubscriptionRequest()
            wanted.Parameters.RequestedPublishingInterval = 1000
            wanted.Parameters.RequestedLifetimeCount = 2**31 - 1
            raw.ask(wanted)
        leave = ua.CloseSessionRequest()
        leave.DeleteSubscriptions = False
        raw.ask(leave)
        raw.reset()
        raise ConnectionError

    _until_hung_up(target, _guest, send)


def vanishing_callers(target: Target) -> None:
    """A call, and the line goes dead; channels are closed with times of long ago."""
    ancient = datetime(1601, 1, 2, tzinfo=UTC)

    def send(raw: Raw) -> None:
        trigger = ua.NodeId("TriggerInspection", 2)
        arguments = [ua.Variant("no-such-station"), ua.Variant("")]
        raw.send_request(_calling(ua.CallMethodRequest(ua.NodeId("Ussop", 2), trigger, arguments)))
        close = ua.CloseSecureChannelRequest()
        close.RequestHeader.Timestamp = ancient
        raw.send_request(close)
        raw.reset()
        raise ConnectionError

    _until_hung_up(target, _guest, send)


def malformed_text(target: Target) -> None:
    """Text that is no UTF-8: in Hello, in a session's name, in a node id."""

    third = target.seconds / 3
    _until_hung_up(Target(target.port, third), lambda who: Raw(who.port), lambda raw: raw.hello(_BAD_UTF8))
    name = "n" * len(_BAD_UTF8)
    create = ua.CreateSessionRequest()
    create.Parameters.SessionName = name
    read = ua.ReadRequest()
    read.Parameters.NodesToRead = [ua.ReadValueId(NodeId=ua.NodeId(name, 2), AttributeId=ua.AttributeIds.Value)]
    for connect, request in ((_stranger, create), (_guest, read)):

        def send(raw: Raw, request: Any = request) -> None:
            raw.send_body(raw.encoded(request).replace(name.encode(), _BAD_UTF8))
            raw.receive()

        _until_hung_up(Target(target.port, third), connect, send)
    target.sent += 3


def refresh_flood(target: Target) -> None:
    """ConditionRefresh, as fast as it goes."""
    refresh = ua.CallMethodRequest(
        ua.NodeId(ua.ObjectIds.ConditionType),
        ua.NodeId(ua.ObjectIds.ConditionType_ConditionRefresh),
        [ua.Variant(1, ua.VariantType.UInt32)],
    )

    def send(raw: Raw) -> None:
        for _ in range(20):
            raw.send_request(_calling(*[refresh] * 10))
        for _ in range(20):
            raw.receive()

    _until_hung_up(target, _guest, send)


def browsing(target: Target) -> None:
    """Everything, a thousand times in one request, while the plant works."""
    wanted = ua.BrowseRequest()
    ids = [ua.NodeId(ua.ObjectIds.ObjectsFolder), ua.NodeId("Stations", 2), ua.NodeId("VisionSystems", 2)]
    everything = partial(ua.BrowseDescription, ResultMask=63, IncludeSubtypes=True)
    wanted.Parameters.NodesToBrowse = [everything(NodeId=node_id) for node_id in ids] * 100
    _until_hung_up(target, _guest, lambda raw: raw.ask(wanted))


def mutations(target: Target) -> None:
    """A recorded session's messages with some bytes changed, left out or put in."""
    raw: Raw | None = None
    for _ in target.rounds():
        try:
            raw = raw or _guest(target)
            request = _REQUESTS[target.chance.randrange(len(_REQUESTS))]()
            raw.socket.settimeout(2.0)
            raw.send_body(_broken(raw.encoded(request), target.chance))
            raw.receive()
        except (OSError, ua.UaError, AssertionError):
            if raw is not None:
                raw.socket.close()
            raw = None
    if raw is not None:
        raw.socket.close()


def _broken(body: bytes, chance: Random) -> bytes:
    made = bytearray(body)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        # The number of the request stays, so that what follows it is read.
        place = chance.randrange(4, len(made))
        match chance.randrange(4):
            case 0:
                made[place] ^= 1 << chance.randrange(8)
            case 1:
                made[place : place + 4] = struct.pack("<i", chance.choice((-1, 0, 1, 2**31 - 1, -(2**31), 65_536)))
            case 2:
                del made[place:]
            case _:
                made[place:place] = chance.randbytes(chance.choice((1, 4, 64)))
        if len(made) < 8:
            break
    return bytes(made)


def _value_of(name: str) -> ua.ReadValueId:
    return ua.ReadValueId(NodeId=ua.NodeId(name, 2), AttributeId=ua.AttributeIds.Value)


def _read() -> Any:
    made = ua.ReadRequest()
    made.Parameters.NodesToRead = [_value_of("SystemStatus"), _value_of("station/line-1/LastDecision")]
    return made


def _browse() -> Any:
    made = ua.BrowseRequest()
    made.Parameters.NodesToBrowse = [ua.BrowseDescription(NodeId=ua.NodeId("Ussop", 2), ResultMask=63)]
    return made


def _translate() -> Any:
    made = ua.TranslateBrowsePathsToNodeIdsRequest()
    steps = [ua.RelativePathElement(TargetName=ua.QualifiedName(name, 2)) for name in ("Ussop", "SystemStatus")]
    made.Parameters.BrowsePaths = [ua.BrowsePath(ua.NodeId(ua.ObjectIds.ObjectsFolder), ua.RelativePath(steps))]
    return made


def _subscribe() -> Any:
    made = ua.CreateSubscriptionRequest()
    made.Parameters.RequestedPublishingInterval = 100
    return made


def _monitor() -> Any:
    made = ua.CreateMonitoredItemsRequest()
    made.Parameters.SubscriptionId = 78
    made.Parameters.ItemsToCreate = [ua.MonitoredItemCreateRequest(ItemToMonitor=_value_of("SystemStatus"))]
    return made


def _look_back() -> Any:
    made = ua.HistoryReadRequest()
    made.Parameters.HistoryReadDetails = ua.ReadRawModifiedDetails(NumValuesPerNode=5)
    made.Parameters.NodesToRead = [ua.HistoryReadValueId(NodeId=ua.NodeId("station/line-1/LastDecision", 2))]
    return made


def _call() -> Any:
    arguments = [ua.Variant("line-1"), ua.Variant([1.0, 2.0]), ua.Variant(ua.NodeId("x", 2))]
    return _calling(ua.CallMethodRequest(InputArguments=arguments))


def _calling(*methods: ua.CallMethodRequest) -> Any:
    made = ua.CallRequest()
    made.Parameters.MethodsToCall = list(methods)
    return made


def _write() -> Any:
    made = ua.WriteRequest()
    value = ua.WriteValue(NodeId=ua.NodeId("SystemStatus", 2), Value=ua.DataValue(ua.Variant("evil")))
    made.Parameters.NodesToWrite = [value]
    return made


_REQUESTS: Final[Sequence[Callable[[], Any]]] = (
    *(_read, _browse, _translate, _subscribe, _monitor, _look_back, _call, _write),
    *(ua.GetEndpointsRequest, ua.FindServersRequest, ua.CreateSessionRequest, ua.ActivateSessionRequest),
    *(ua.PublishRequest, ua.RegisterNodesRequest, ua.AddNodesRequest, ua.DeleteSubscriptionsRequest),
    *(
        ua.ModifyMonitoredItemsRequest,
        ua.SetPublishingModeRequest,
        ua.TransferSubscriptionsRequest,
        ua.RepublishRequest,
    ),
)
ATTACKS: Final[Mapping[str, Callable[[Target], None]]] = {
    attack.__name__: attack
    for attack in (
        *(giant_headers, chunk_flood, many_channels, nested_values, huge_counts, deep_paths, orphaned_subscriptions),
        *(vanishing_callers, malformed_text, refresh_flood, browsing, mutations),
    )
}

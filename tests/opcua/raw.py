"""A client that builds its messages byte by byte, so that they can be wrong. It speaks without security."""

import socket
import struct
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary

NO_SECURITY: Final = b"http://opcfoundation.org/UA/SecurityPolicy#None"
# In the room that the header of each request has: a LiteralOperand, which is one Variant.
_LITERAL_ID: Final = b"\x01\x00\x55\x02"
_HEADER_BYTES: Final = 8
_IN_PIECES: Final = 1_000_000


class Raw:
    """One connection; each method sends one message."""

    def __init__(self, port: int, timeout_s: float = 10.0) -> None:
        """Connects."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self.channel_id = self.token_id = self._sequence = 0
        self.session_token = ua.NodeId()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hangs up."""
        self.socket.close()

    def reset(self) -> None:
        """Hangs up without a word and without waiting for anything."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def hello(self, url: bytes = b"opc.tcp://127.0.0.1/ussop") -> bytes:
        """The answer to Hello."""
        body = struct.pack("<5I", 0, 65_535, 65_535, 0, 0) + struct.pack("<i", len(url)) + url
        self.send(b"HELF", body)
        return self.receive()

    def open(self, request: Any = None) -> None:
        """Opens a channel, or renews it."""
        wanted = request or ua.OpenSecureChannelRequest()
        if request is None:
            wanted.Parameters.SecurityMode = ua.MessageSecurityMode.None_
            wanted.Parameters.RequestedLifetime = 60_000
            wanted.Parameters.RequestType = ua.SecurityTokenRequestType(int(self.channel_id > 0))
        policy = struct.pack("<i", len(NO_SECURITY)) + NO_SECURITY + struct.pack("<ii", -1, -1)
        head = struct.pack("<I", self.channel_id) + policy + self._next()
        self.send(b"OPNF", head + struct_to_binary(wanted))
        answer = Buffer(self.receive()[_HEADER_BYTES + 4 + len(policy) + 8 :])
        nodeid_from_binary(answer.copy())
        told = struct_from_binary(ua.OpenSecureChannelResponse, answer).Parameters.SecurityToken
        self.channel_id, self.token_id = told.ChannelId, told.TokenId

    def log_in(self) -> None:
        """A session of somebody without a name."""
        made = self.ask(ua.CreateSessionRequest())
        self.session_token = made.Parameters.AuthenticationToken
        wanted = ua.ActivateSessionRequest()
        wanted.Parameters.UserIdentityToken = ua.AnonymousIdentityToken(PolicyId="anonymous")
        self.ask(wanted)

    def ask(self, request: Any) -> Any:
        """The answer to a request.

        Raises:
            ua.UaStatusCodeError: It was refused.
        """
        self.send_request(request)
        body = Buffer(self.receive()[_HEADER_BYTES + 16 :])
        kind = ua.extension_objects_by_typeid[nodeid_from_binary(body.copy())]
        answer = struct_from_binary(kind, body)
        answer.ResponseHeader.ServiceResult.check()
        return answer

    def encoded(self, request: Any) -> bytes:
        """A request of this session as bytes."""
        request.RequestHeader.AuthenticationToken = self.session_token
        return bytes(struct_to_binary(request))

    def send_request(self, request: Any) -> None:
        """Sends a request and does not wait for the answer."""
        self.send_body(self.encoded(request))

    def send_body(self, body: bytes, chunk: bytes = b"F") -> None:
        """Sends whatever bytes as a message, or as one more piece of it."""
        number = self._next() if chunk == b"F" else self._next(request=_IN_PIECES)
        self.send(b"MSG" + chunk, struct.pack("<II", self.channel_id, self.token_id) + number + body)

    def send(self, kind: bytes, content: bytes) -> None:
        """Sends a piece with its size before it."""
        self.socket.sendall(kind + struct.pack("<I", _HEADER_BYTES + len(content)) + content)

    def receive(self) -> bytes:
        """One whole answer.

        Raises:
            ConnectionError: The server has hung up.
        """
        head = self._read(_HEADER_BYTES)
        return head + self._read(int.from_bytes(head[4:8], "little") - _HEADER_BYTES)

    def is_ended(self) -> bool:
        """Whether the server hangs up, whatever it says before."""
        with suppress(ConnectionError):
            while self.socket.recv(65_536):
                pass
        return True

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            if not (part := self.socket.recv(size - len(found))):
                raise ConnectionError("the server has hung up")
            found += part
        return found

    def _next(self, request: int | None = None) -> bytes:
        self._sequence += 1
        return struct.pack("<II", self._sequence, self._sequence if request is None else request)


def with_value(variant: bytes, kind: Any = None) -> bytes:
    """A request with a value in its header, as bytes: it is read before anybody has looked who asks."""
    request = kind or ua.GetEndpointsRequest()
    whole = bytes(struct_to_binary(request))
    bare = bytes(struct_to_binary(request.RequestHeader))
    type_id = whole[: whole.index(bare)]
    extra = _LITERAL_ID + b"\x01" + struct.pack("<i", len(variant)) + variant
    assert bare.endswith(b"\0\0\0")  # no AdditionalHeader
    return type_id + bare[:-3] + extra + whole[len(type_id) + len(bare) :]


def nested(depth: int) -> bytes:
    """A Variant in a Variant in a Variant."""
    return (b"\x98" + struct.pack("<i", 1)) * depth + b"\x00"


def endless(count: int = 2**31 - 1) -> bytes:
    """A Variant that announces so many elements without content."""
    return b"\x80" + struct.pack("<i", count)

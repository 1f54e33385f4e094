"""One client's connection: what it may send before and after it has logged in."""

import asyncio
from typing import Any, Final

import structlog
from asyncua.common.connection import TransportLimits
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol

from opcua.guard.limits import MOST_CHUNK_BYTES, MOST_UNSENT_BYTES
from opcua.guard.processor import Gate, GuardedProcessor

_HEADER_BYTES: Final = 8
_KNOWN: Final = frozenset({b"HEL", b"OPN", b"MSG", b"CLO", b"ERR"})
_log = structlog.get_logger(__name__)


class GuardedConnection(OPCUAProtocol):
    """Closes itself when a client announces too much, sends what is no OPC UA, or does not read its answers."""

    gate: Gate

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins; where every place is taken, who has been waiting longest without a login makes room."""
        if len(self.clients) >= self.iserver.max_connections:
            waiting = (other for other in self.clients if isinstance(other, GuardedConnection) and not other.is_known)
            if (oldest := next(waiting, None)) is not None:
                oldest.end("somebody else needs the place")
                self.clients.remove(oldest)
        super().connection_made(transport)
        if self.transport is not None:
            # In place of asyncua's own, before the first byte is read.
            self.processor = GuardedProcessor(self.iserver, self.transport, self.limits, self.gate)
            self.processor.set_policies(self.policies)

    @property
    def is_known(self) -> bool:
        """Whether somebody has logged in."""
        session = self.processor.session if self.processor is not None else None
        return session is not None and session.is_activated()

    def data_received(self, data: bytes) -> None:
        """Takes bytes, as long as what they announce is no larger than a chunk may be."""
        if self.transport is None or self.transport.is_closing():
            return
        super().data_received(data)
        # What is left is the beginning of the next chunk; it waits here, in memory.
        head = self._buffer[:_HEADER_BYTES]
        if len(head) >= 3 and head[:3] not in _KNOWN:
            self.end("this is no OPC UA")
        elif len(head) == _HEADER_BYTES and int.from_bytes(head[4:], "little") > MOST_CHUNK_BYTES:
            self.end("a chunk is announced that is too large")

    def end(self, reason: str) -> None:
        """Closes the connection at once and lets go of what was received."""
        _log.warning("opcua_connection_ended", peer=str(self.peer_name), reason=reason)
        self._buffer = b""
        if self.transport is not None:
            self.transport.abort()

    async def _process_one_msg(self, header: Any, buf: Any) -> bool:
        if self.transport is not None and self.transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            self.end("the answers are not read")
            return False
        return await super()._process_one_msg(header, buf)


class GuardedListener(BinaryServer):
    """Makes a guarded connection for each client."""

    def __init__(self, gate: Gate, host: str, port: int, limits: TransportLimits) -> None:
        """Takes who decides, and where to listen."""
        super().__init__(gate.server, host, port, limits)
        self._gate = gate

    def _make_protocol(self) -> OPCUAProtocol:
        made = GuardedConnection(
            iserver=self.iserver,
            policies=self._policies,
            clients=self.clients,
            closing_tasks=self.closing_tasks,
            limits=self.limits,
        )
        made.gate = self._gate
        return made

"""One client's connection: what it may send before and after it has logged in."""

import asyncio
from typing import Any, Final

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import Buffer
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.ua.ua_binary import header_from_binary

from opcua.errors import CertificateError
from opcua.guard.limits import MOST_CHUNK_BYTES, MOST_LOGIN_BYTES, MOST_UNSENT_BYTES, PAUSE_AT_MESSAGES
from opcua.guard.processor import Gate, GuardedProcessor

_HEADER_BYTES: Final = 8
_MORE_FOLLOWS: Final = b"C"
_KNOWN: Final = frozenset({b"HEL", b"OPN", b"MSG", b"CLO", b"ERR"})


class GuardedConnection(OPCUAProtocol):
    """Closes itself when a client announces too much, sends what is no OPC UA, or does not read its answers."""

    gate: Gate
    _buffer: bytes

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

    @property
    def certificate(self) -> bytes | None:
        """What secures the channel, None before there is one and without security."""
        secured = self.processor is not None and self.processor.is_secured
        return self.processor._connection.security_policy.peer_certificate if secured else None  # noqa: SLF001

    def data_received(self, data: bytes) -> None:
        """Takes bytes, as long as what they announce is no larger than a chunk may be.

        Asyncua would keep all that came in one piece for each message in it: half a thousand times over.
        """
        if self.transport is None or self.transport.is_closing():
            return None
        received, place = self._buffer + data, 0
        while len(received) - place >= _HEADER_BYTES:
            kind, size = received[place : place + 3], int.from_bytes(received[place + 4 : place + 8], "little")
            if kind not in _KNOWN:
                return self.end("this is no OPC UA")
            is_known = self.is_known
            if not _HEADER_BYTES < size <= (MOST_CHUNK_BYTES if is_known else MOST_LOGIN_BYTES):
                return self.end("a chunk is announced that is too large or too small")
            if received[place + 3 : place + 4] == _MORE_FOLLOWS and not is_known:
                return self.end("a message of more than one chunk came before the login")
            if len(received) - place < size:
                break
            if not self._enqueue(received[place : place + size]):
                return None
            place += size
        self._buffer = received[place:]
        return None

    def _enqueue(self, chunk: bytes) -> bool:
        """Whether a chunk waits now for its turn; while too many do, no more is read."""
        content = Buffer(chunk)
        try:
            self.messages.put_nowait((header_from_binary(content), content))
        except asyncio.QueueFull:
            self.end("too many messages wait")
            return False
        except Exception as error:  # noqa: BLE001 - whatever strangers send
            self.end(f"a header cannot be read: {type(error).__name__}")
            return False
        if self.messages.qsize() > PAUSE_AT_MESSAGES and self.transport is not None:
            self.transport.pause_reading()
        return True

    def end(self, reason: str) -> None:
        """Closes the connection at once and lets go of what was received."""
        self.gate.complaints.tell("opcua_connection_ended", peer=str(self.peer_name), reason=reason)
        self._buffer = b""
        if self.transport is not None:
            self.transport.abort()

    async def _process_one_msg(self, header: Any, buf: Any) -> bool:
        if self.transport is not None and self.transport.get_write_buffer_size() > MOST_UNSENT_BYTES:
            self.end("the answers are not read")
            return False
        goes_on = bool(await super()._process_one_msg(header, buf))
        if self.messages.qsize() <= PAUSE_AT_MESSAGES // 2 and self.transport is not None:
            self.transport.resume_reading()
        return goes_on


class GuardedListener(BinaryServer):
    """Makes a guarded connection for each client."""

    def __init__(self, gate: Gate, host: str, port: int, limits: TransportLimits) -> None:
        """Takes who decides, and where to listen."""
        super().__init__(gate.server, host, port, limits)
        self._gate = gate

    def end_untrusted(self) -> None:
        """Ends the connections whose certificate was taken away, revoked, or has expired."""
        for client in list(self.clients):
            if isinstance(client, GuardedConnection) and (certificate := client.certificate) is not None:
                try:
                    self._gate.trust.check(certificate)
                except CertificateError as error:
                    if error.status == ua.StatusCodes.BadCertificateRevocationUnknown:
                        continue  # nobody new comes in; who is here has done nothing
                    client.end(f"the certificate is refused now: {error}")

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

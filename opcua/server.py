"""The OPC UA server: asyncua, guarded, with the board in its address space."""

import asyncio
import socket
from dataclasses import dataclass
from typing import Any, Final

import structlog
from asyncua import Server, ua

from opcua.accounts import Accounts
from opcua.board import Board
from opcua.certificate import OwnCertificate, ensure_certificate
from opcua.guard.connection import GuardedListener
from opcua.guard.decoding import bound_arrays
from opcua.guard.limits import Limits, transport_limits
from opcua.guard.processor import Admitted, Gate
from opcua.guard.sessions import GuardedServer
from opcua.history import ResultHistory
from opcua.settings import OpcUaSettings
from opcua.trust import TrustList

_POLICIES = (
    ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt,
    ua.SecurityPolicyType.Basic256Sha256_Sign,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_SignAndEncrypt,
    ua.SecurityPolicyType.Aes128Sha256RsaOaep_Sign,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt,
    ua.SecurityPolicyType.Aes256Sha256RsaPss_Sign,
)
_LOOK_S: Final = 1.0
_CHECK_S: Final = 60.0
_log = structlog.get_logger(__name__)


class PlantServer(Server):
    """Asyncua's server with a guarded listener."""

    def __init__(self, guarded: GuardedServer, gate: Gate) -> None:
        """Takes what is served, and who decides."""
        super().__init__(iserver=guarded)
        self._gate = gate
        self.limits = transport_limits()

    async def start(self) -> None:
        """Begins to listen.

        Raises:
            OSError: The address is taken, or not of this machine.
        """
        await self._setup_server_nodes()
        await self.iserver.start()
        self.bserver = GuardedListener(self._gate, self.endpoint.hostname or "", self.endpoint.port or 0, self.limits)
        self.bserver.set_policies(self._policies)
        try:
            await self.bserver.start()
        except OSError:
            await self.iserver.stop()
            raise

    async def watch_certificates(self) -> None:
        """Ends connections whose certificate is refused, as soon as a file says so, or its time is over."""
        loop = asyncio.get_running_loop()
        checked_s = loop.time()
        checked = seen = self._gate.trust.state()
        while True:
            await asyncio.sleep(_LOOK_S)
            before, seen = seen, self._gate.trust.state()
            # A file that is still being written must not end anybody's connection.
            if seen == before and (seen != checked or loop.time() - checked_s > _CHECK_S):
                checked, checked_s = seen, loop.time()
                self.bserver.end_untrusted()


@dataclass(frozen=True, slots=True)
class Built:
    """A server that does not listen yet.

    Attributes:
        server: Asyncua's object.
        guarded: The same from inside.
        board: What it shows.
        certificate: Its certificate.
    """

    server: PlantServer
    guarded: GuardedServer
    board: Board
    certificate: OwnCertificate


async def build_server(settings: OpcUaSettings, accounts: Accounts, history: ResultHistory) -> Built:
    """The server of the settings, with an empty board.

    Raises:
        OSError: The folder of the certificates cannot be used.
        ValueError: The certificate there is none.
    """
    bound_arrays()
    certificate = ensure_certificate(settings.pki_dir, settings.opcua_host)
    guarded = GuardedServer(Limits(settings.opcua_clients), Admitted())
    gate = Gate(guarded, TrustList(settings.pki_dir), accounts, settings.opcua_allow_insecure)
    server = PlantServer(guarded, gate)
    guarded.history_manager.set_storage(history)
    server.product_uri, server.manufacturer_name, server.name = "urn:ussop:server", "Ussop", "Ussop"
    server.application_type = ua.ApplicationType.Server
    await server.init()
    server.set_endpoint(settings.endpoint)
    server.set_server_name(f"Ussop on {socket.gethostname()}")
    await server.set_application_uri(certificate.application_uri)
    await server.load_certificate(str(certificate.certificate))
    await server.load_private_key(str(certificate.key))
    _set_security(server, settings)
    return Built(server, guarded, await Board.create(server), certificate)


def _set_security(server: PlantServer, settings: OpcUaSettings) -> None:
    policies, tokens = list(_POLICIES), [ua.UserNameIdentityToken]
    if settings.opcua_allow_insecure:
        policies.append(ua.SecurityPolicyType.NoSecurity)
        tokens.append(ua.AnonymousIdentityToken)
        _log.warning(
            "OPCUA_ALLOW_INSECURE IS ON",
            danger="everybody who reaches the port reads every result, without certificate or password",
            endpoint=settings.endpoint,
        )
    server.set_security_policy(policies)
    server.set_identity_tokens(tokens)
    server.iserver.disabled_clock = False


def counts(built: Built) -> dict[str, Any]:
    """Sessions and subscriptions now."""
    present = sum(session.is_connected for session in built.guarded.sessions)
    return {"sessions": present, "subscriptions": len(built.guarded.subscription_service.subscriptions)}

"""One client's messages: the channel's certificate, the login, and which services a user may call."""

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import USER_TYPES, User
from asyncua.server.uaprocessor import UaProcessor
from asyncua.server.user_managers import UserManager
from asyncua.ua.ua_binary import struct_from_binary, uatcp_to_binary

from opcua.accounts import NOBODY, Accounts, PlatformUser
from opcua.errors import CertificateError, LoginError
from opcua.guard.complaints import Complaints
from opcua.guard.limits import ABANDONED_SESSION_S
from opcua.guard.sessions import GuardedServer, GuardedSession
from opcua.trust import TrustList, application_uris

_Ids = ua.ObjectIds
_CREATE: Final = ua.NodeId(_Ids.CreateSessionRequest_Encoding_DefaultBinary)
_ACTIVATE: Final = ua.NodeId(_Ids.ActivateSessionRequest_Encoding_DefaultBinary)
_CALL: Final = ua.NodeId(_Ids.CallRequest_Encoding_DefaultBinary)
_DISCOVERY: Final = frozenset(
    ua.NodeId(number)
    for number in (
        _Ids.GetEndpointsRequest_Encoding_DefaultBinary,
        _Ids.FindServersRequest_Encoding_DefaultBinary,
        _Ids.CloseSecureChannelRequest_Encoding_DefaultBinary,
    )
)
_BEFORE_LOGIN: Final = _DISCOVERY | {
    _CREATE,
    _ACTIVATE,
    ua.NodeId(_Ids.CloseSessionRequest_Encoding_DefaultBinary),
}
# Everybody reads; nothing is writable by a client, whoever it is.
_READING: Final = frozenset(
    ua.NodeId(number)
    for number in USER_TYPES
    if number not in {_Ids.WriteRequest_Encoding_DefaultBinary, _Ids.CallRequest_Encoding_DefaultBinary}
)
_admitted: ContextVar[User | None] = ContextVar("opcua_admitted", default=None)
caller: ContextVar[PlatformUser] = ContextVar("opcua_caller", default=NOBODY)
"""Who sent the message that is being answered: methods are not told by asyncua."""


class Admitted(UserManager):
    """Gives asyncua the user whom the processor has let in. It asks in the middle of its loop and cannot wait."""

    def get_user(self, *_: Any, **__: Any) -> User | None:
        """The user of this very login."""
        return _admitted.get()


@dataclass(frozen=True, slots=True)
class Gate:
    """Who decides.

    Attributes:
        server: What is guarded.
        trust: Which certificates are trusted.
        accounts: Who the users are.
        allow_insecure: Whether clients without a certificate may read.
        complaints: Where it is told who was refused.
    """

    server: GuardedServer
    trust: TrustList
    accounts: Accounts
    allow_insecure: bool
    complaints: Complaints = field(default_factory=Complaints)


class GuardedProcessor(UaProcessor):
    """Answers one client, as far as it may."""

    def __init__(self, server: GuardedServer, transport: Any, limits: TransportLimits, gate: Gate) -> None:
        """Takes what asyncua wants, and who decides."""
        super().__init__(server, transport, limits)
        self._gate = gate
        self._uris: tuple[str, ...] = ()

    @property
    def is_secured(self) -> bool:
        """Whether the channel is signed."""
        return bool(self._connection.security_policy.Mode != ua.MessageSecurityMode.None_)

    async def process(self, header: Any, body: Any) -> bool:
        """Whether the connection goes on. What breaks the protocol ends it: asyncua would write a page and go on."""
        try:
            return bool(await super().process(header, body))
        except CertificateError as error:
            self._gate.complaints.tell("opcua_channel_refused", peer=str(self.name), reason=str(error))
            self._say_why(error.status, str(error))
        except Exception as error:  # noqa: BLE001 - whatever strangers send, one line and their connection is all it costs
            reason = f"{type(error).__name__}: {error}"[:200]
            self._gate.complaints.tell("opcua_message_refused", peer=str(self.name), reason=reason)
            self._say_why(ua.StatusCodes.BadTcpInternalError, "the message cannot be read")
        return False

    def send_response(self, *arguments: Any, **named: Any) -> None:
        """Sends an answer, where the client is still there; subscriptions live longer than connections."""
        if not self._transport.is_closing():
            super().send_response(*arguments, **named)

    def open_secure_channel(self, algohdr: Any, seqhdr: Any, body: Any) -> None:
        """Opens or renews the channel, for a trusted certificate."""
        if algohdr.SecurityPolicyURI != "http://opcfoundation.org/UA/SecurityPolicy#None":
            self._uris = application_uris(self._gate.trust.check(algohdr.SenderCertificate or b""))
        super().open_secure_channel(algohdr, seqhdr, body)

    async def _process_message(self, typeid: Any, requesthdr: Any, seqhdr: Any, body: Any) -> bool:
        self._require_allowed(typeid)
        if typeid == _CREATE:
            self._require_own_certificate(struct_from_binary(ua.CreateSessionParameters, body.copy()))
            await self._gate.server.make_room()
        elif typeid == _ACTIVATE:
            _admitted.set(await self._log_in(struct_from_binary(ua.ActivateSessionParameters, body.copy()), requesthdr))
        elif self.session is not None and isinstance(self.session.user, PlatformUser):
            caller.set(self.session.user)
        return bool(await super()._process_message(typeid, requesthdr, seqhdr, body))

    def _require_allowed(self, typeid: ua.NodeId) -> None:
        if not self.is_secured and not self._gate.allow_insecure and typeid not in _DISCOVERY:
            # The channel itself must be possible: by it clients ask which secured ones there are.
            raise ServiceError(ua.StatusCodes.BadSecurityPolicyRejected)
        if typeid in _BEFORE_LOGIN:
            return
        user = self.session.user if self.session is not None and self.session.is_activated() else None
        if not isinstance(user, PlatformUser):
            raise ServiceError(ua.StatusCodes.BadSessionIdInvalid)
        # Each method looks at the role by itself: some only read.
        if typeid not in _READING and not (typeid == _CALL and user.tokens is not None):
            raise ServiceError(ua.StatusCodes.BadUserAccessDenied)

    def _require_own_certificate(self, wanted: ua.CreateSessionParameters) -> None:
        if not self.is_secured:
            return
        if wanted.ClientCertificate != self._connection.security_policy.peer_certificate:
            raise ServiceError(ua.StatusCodes.BadCertificateInvalid)
        if wanted.ClientDescription.ApplicationUri not in self._uris:
            raise ServiceError(ua.StatusCodes.BadCertificateUriInvalid)

    async def _log_in(self, wanted: ua.ActivateSessionParameters, header: ua.RequestHeader) -> PlatformUser:
        token = wanted.UserIdentityToken
        if not self.is_secured:
            # A password would be safe only if the client encrypts it by itself; nobody may act here anyway.
            if isinstance(token, ua.UserNameIdentityToken):
                raise ServiceError(ua.StatusCodes.BadIdentityTokenRejected)
            return NOBODY
        session = self.session or self._gate.server.lookup_external_session(header.AuthenticationToken)
        if not isinstance(token, ua.UserNameIdentityToken) or not isinstance(session, GuardedSession):
            raise ServiceError(ua.StatusCodes.BadIdentityTokenRejected)
        try:
            username, password = self._gate.server.decrypt_user_token(session, token)
            return await self._gate.accounts.log_in(username or "", password or "", str(self.name[0]))
        except LoginError as error:
            raise ServiceError(error.status) from error
        except (ValueError, UnicodeDecodeError, TypeError) as error:
            raise ServiceError(ua.StatusCodes.BadIdentityTokenInvalid) from error

    def _say_why(self, status: int, reason: str) -> None:
        message = ua.ErrorMessage(ua.StatusCode(status), reason)
        self._transport.write(uatcp_to_binary(ua.MessageType.Error, message))

    async def close(self) -> None:
        """Ends with the connection. A session with subscriptions waits for its client, but not for long."""
        await super().close()
        if self.session is not None and self.session.session_timeout is not None:
            self.session.session_timeout = min(self.session.session_timeout, ABANDONED_SESSION_S)
            if isinstance(self.session, GuardedSession):
                self.session.is_connected = False

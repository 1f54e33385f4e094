"""Who an OPC UA client is: a user of the platform, whose name and password the API verifies."""

import asyncio
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

import structlog
from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole

from opcua.errors import LoginError
from serving.auth.schemas import TokenResponse
from serving.client import ClientError
from serving.client_opcua import OpcUaClient

# Whoever came in may come back within that time though the API is away: a client must see the bad quality.
_REMEMBERED_S: Final = 600.0
_MOST_REMEMBERED: Final = 500
_VERIFIED_AT_ONCE: Final = 4
_FAILURES: Final = 10
_FAILURES_WITHIN_S: Final = 60.0
_PLATFORM: Final = "service"
_MAY_TRIGGER: Final = frozenset({"operator", "engineer", "admin"})
_log = structlog.get_logger(__name__)


@dataclass
class PlatformUser(User):
    """A user of the platform, or somebody without a name who may read.

    Attributes:
        may_trigger: Whether methods may be called: the role is operator or higher.
        tokens: The session at the API, None for somebody without a name.
        asking: Held while the API is asked about that session: a refresh token is good once.
    """

    may_trigger: bool = False
    tokens: TokenResponse | None = field(default=None, repr=False)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)


NOBODY: Final = PlatformUser(role=UserRole.User, name="anonymous")


class Accounts:
    """Verifies names and passwords at the API, and holds the sessions there."""

    def __init__(self, client: OpcUaClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Takes the platform's own way to the API."""
        self._client = client
        self._monotonic = monotonic
        # Names with passwords, hashed with a key of this process, and who that was when.
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[PlatformUser, float]] = OrderedDict()
        self._failures: dict[str, list[float]] = {}
        self._entering: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()
        self._verifying = asyncio.Semaphore(_VERIFIED_AT_ONCE)

    async def log_in(self, username: str, password: str, address: str) -> PlatformUser:
        """The user of that name.

        Args:
            username: Name at login.
            password: Password.
            address: Where the client is; failures are counted there.

        Raises:
            LoginError: Wrong, disabled, locked, too many failures, or the API is away.
        """
        fingerprint = hmac.digest(self._key, f"{username}\0{password}".encode(), hashlib.sha256)
        # A plant that comes back after a power cut logs in all at once: the API hashes one password, not two hundred.
        entering = self._entering.setdefault(fingerprint, asyncio.Lock())
        async with entering:
            self._require_patience(address)
            known = self._known.get(fingerprint)
            if known is not None and (user := await self._still_welcome(fingerprint, *known)) is not None:
                return user
            async with self._verifying:
                self._require_patience(address)
                return await self._verify(fingerprint, username, password, address)

    async def _verify(self, fingerprint: bytes, username: str, password: str, address: str) -> PlatformUser:
        try:
            tokens = await asyncio.to_thread(self._client.log_in_user, username, password)
        except ClientError as error:
            raise self._refusal(error, username, address) from error
        if tokens.user.username == _PLATFORM:
            raise LoginError("this account is the platform's own", ua.StatusCodes.BadUserAccessDenied)
        user = _user_of(tokens)
        self._known[fingerprint] = (user, self._monotonic())
        while len(self._known) > _MOST_REMEMBERED:
            self._known.popitem(last=False)
        _log.info("opcua_login", user=user.name, address=address)
        return user

    async def token_of(self, user: PlatformUser) -> str:
        """An access token of the user that is good now.

        Raises:
            LoginError: The user's session at the API has ended.
            ClientError: The API does not answer.
        """
        if user.tokens is None:
            raise LoginError("nobody is logged in", ua.StatusCodes.BadUserAccessDenied)
        async with user.asking:
            try:
                await asyncio.to_thread(self._client.user_of, user.tokens.access_token)
            except ClientError as error:
                if error.status != 401:
                    raise
                await self._renew(user)
        return user.tokens.access_token

    async def check(self, user: PlatformUser) -> bool:
        """Whether the user is still welcome, with the role of now; true while nobody can say."""
        try:
            await self.token_of(user)
        except LoginError:
            return False
        except ClientError:
            return True
        return True

    async def _renew(self, user: PlatformUser) -> None:
        assert user.tokens is not None  # noqa: S101 - the caller has looked
        try:
            tokens = await asyncio.to_thread(self._client.refresh_user, user.tokens.refresh_token)
        except ClientError as error:
            if error.status == 401:
                raise LoginError("the session has ended", ua.StatusCodes.BadUserAccessDenied) from error
            raise
        user.tokens = tokens
        user.may_trigger = not _MAY_TRIGGER.isdisjoint(tokens.user.roles)

    async def _still_welcome(self, fingerprint: bytes, user: PlatformUser, since_s: float) -> PlatformUser | None:
        """The remembered user, None where name and password must be verified anew."""
        if self._monotonic() - since_s > _REMEMBERED_S or not await self.check(user):
            self._known.pop(fingerprint, None)
            return None
        return user

    def _require_patience(self, address: str) -> None:
        now_s = self._monotonic()
        recent = [at for at in self._failures.get(address, []) if now_s - at < _FAILURES_WITHIN_S]
        if recent:
            self._failures[address] = recent
        else:
            self._failures.pop(address, None)
        if len(recent) >= _FAILURES:
            raise LoginError("too many failures from this address", ua.StatusCodes.BadUserAccessDenied)

    def _refusal(self, error: ClientError, username: str, address: str) -> LoginError:
        if error.is_passing and error.status != 429:
            return LoginError("the API does not answer", ua.StatusCodes.BadResourceUnavailable)
        if len(self._failures) < 10_000 or address in self._failures:
            self._failures.setdefault(address, []).append(self._monotonic())
        _log.warning("opcua_login_refused", user=username[:64], address=address, reason=str(error))
        return LoginError(str(error), ua.StatusCodes.BadUserAccessDenied)


def _user_of(tokens: TokenResponse) -> PlatformUser:
    may_trigger = not _MAY_TRIGGER.isdisjoint(tokens.user.roles)
    return PlatformUser(role=UserRole.User, name=tokens.user.username, may_trigger=may_trigger, tokens=tokens)

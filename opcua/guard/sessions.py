"""Sessions: as many as there may be, each with its own subscriptions and nobody else's."""

import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession

from opcua.accounts import PlatformUser
from opcua.guard.limits import (
    FASTEST_PUBLISHING_MS,
    LOGIN_WITHIN_S,
    LONGEST_SESSION_MS,
    LONGEST_SILENCE_MS,
    MOST_BROWSED,
    MOST_CALLS,
    MOST_HISTORY_NODES,
    MOST_ITEMS_PER_SESSION,
    MOST_OPERATIONS,
    MOST_PATH_ELEMENTS,
    MOST_SUBSCRIPTIONS_PER_SESSION,
    MOST_WAITING_MESSAGES,
    ORPHAN_LIFE_MS,
    SLOWEST_PUBLISHING_MS,
    Limits,
)

_RSA15 = "http://www.w3.org/2001/04/xmlenc#rsa-1_5"
_STRANGER = User(role=UserRole.Anonymous)


def _require_few(wanted: Sequence[Any], most: int) -> None:
    if len(wanted) > most:
        raise ServiceError(ua.StatusCodes.BadTooManyOperations)


class GuardedSession(InternalSession):
    """A client's session. Asyncua lets every session reach every subscription by its number."""

    is_connected = True

    @property
    def _own(self) -> dict[int, Any]:
        present = self.subscription_service.subscriptions
        return {number: sub for number, sub in present.items() if sub.session_id == self.session_id}

    def _require_own(self, subscription_id: int) -> None:
        if subscription_id not in self._own:
            raise ServiceError(ua.StatusCodes.BadSubscriptionIdInvalid)

    async def create_subscription(
        self,
        params: ua.CreateSubscriptionParameters,
        callback: Callable[..., Any],
        request_callback: Callable[..., Any] | None = None,
    ) -> ua.CreateSubscriptionResult:
        """A subscription with revised times: one that never ends, or that publishes at every write, is nobody's."""
        if len(self._own) >= MOST_SUBSCRIPTIONS_PER_SESSION:
            raise ServiceError(ua.StatusCodes.BadTooManySubscriptions)
        await self.iserver.drop_orphan()
        wanted_ms = params.RequestedPublishingInterval
        period_ms = wanted_ms if math.isfinite(wanted_ms) else FASTEST_PUBLISHING_MS
        period_ms = min(max(period_ms, FASTEST_PUBLISHING_MS), SLOWEST_PUBLISHING_MS)
        params.RequestedPublishingInterval = period_ms
        silent = max(1, int(LONGEST_SILENCE_MS / period_ms))
        params.RequestedMaxKeepAliveCount = min(params.RequestedMaxKeepAliveCount or silent, silent)
        longest = max(3 * params.RequestedMaxKeepAliveCount, int(ORPHAN_LIFE_MS / period_ms))
        shortest = 3 * params.RequestedMaxKeepAliveCount  # OPC 10000-4, 5.14.2.2
        params.RequestedLifetimeCount = min(max(params.RequestedLifetimeCount, shortest), longest)
        return await super().create_subscription(params, callback, request_callback)

    async def create_monitored_items(
        self, params: ua.CreateMonitoredItemsParameters
    ) -> list[ua.MonitoredItemCreateResult]:
        """Items of an own subscription, as many as a session may have."""
        self._require_own(params.SubscriptionId)
        _require_few(params.ItemsToCreate, MOST_OPERATIONS)
        present = sum(len(sub.monitored_item_srv._monitored_items) for sub in self._own.values())  # noqa: SLF001
        if present + len(params.ItemsToCreate) > MOST_ITEMS_PER_SESSION:
            raise ServiceError(ua.StatusCodes.BadTooManyMonitoredItems)
        return await super().create_monitored_items(params)

    async def modify_monitored_items(
        self, params: ua.ModifyMonitoredItemsParameters
    ) -> list[ua.MonitoredItemModifyResult]:
        """Other parameters for items of an own subscription; a queue stays as short as it must be."""
        self._require_own(params.SubscriptionId)
        _require_few(params.ItemsToModify, MOST_OPERATIONS)
        most = self.iserver.max_monitored_item_queue_size
        for item in params.ItemsToModify:
            size = item.RequestedParameters.QueueSize
            item.RequestedParameters.QueueSize = min(size or most, most)
        return await super().modify_monitored_items(params)

    async def set_monitoring_mode(self, params: ua.SetMonitoringModeParameters) -> list[ua.StatusCode]:
        """Another mode for items of an own subscription."""
        self._require_own(params.SubscriptionId)
        return await super().set_monitoring_mode(params)

    async def set_publishing_mode(self, params: ua.SetPublishingModeParameters) -> list[ua.StatusCode]:
        """Another mode for own subscriptions."""
        for number in params.SubscriptionIds:
            self._require_own(number)
        return await super().set_publishing_mode(params)

    async def delete_monitored_items(self, params: ua.DeleteMonitoredItemsParameters) -> list[ua.StatusCode]:
        """Deletes items of an own subscription."""
        self._require_own(params.SubscriptionId)
        return await super().delete_monitored_items(params)

    async def delete_subscriptions(self, ids: list[int]) -> list[ua.StatusCode]:
        """Deletes own subscriptions."""
        own = self._own
        deleted = dict(zip(own, await super().delete_subscriptions([n for n in own if n in ids]), strict=False))
        bad = ua.StatusCode(ua.StatusCodes.BadSubscriptionIdInvalid)
        return [deleted.get(number, ua.StatusCode()) if number in own else bad for number in ids]

    def modify_subscription(self, params: ua.ModifySubscriptionParameters) -> ua.ModifySubscriptionResult:
        """The parameters of an own subscription; asyncua changes none of them."""
        self._require_own(params.SubscriptionId)
        return super().modify_subscription(params)

    def republish(self, params: ua.RepublishParameters) -> ua.NotificationMessage:
        """A message of an own subscription once more."""
        self._require_own(params.SubscriptionId)
        return super().republish(params)

    def publish(self, acks: Iterable[ua.SubscriptionAcknowledgement] | None = None) -> tuple[int, list[ua.StatusCode]]:
        """Takes acknowledgements for own subscriptions."""
        own = self._own
        if not own:
            raise ServiceError(ua.StatusCodes.BadNoSubscription)
        given = list(acks or [])
        _, known = super().publish([ack for ack in given if ack.SubscriptionId in own])
        answers = iter(known)
        bad = ua.StatusCode(ua.StatusCodes.BadSubscriptionIdInvalid)
        return len(own), [next(answers, bad) if ack.SubscriptionId in own else bad for ack in given]

    async def transfer_subscriptions(
        self, params: ua.TransferSubscriptionsParameters, callback: Callable[..., Any]
    ) -> list[ua.TransferResult]:
        """Takes over subscriptions of the same user."""
        for number in params.SubscriptionIds:
            sub = self.subscription_service.subscriptions.get(int(number))
            if sub is not None and not self.iserver.is_of_user(sub.session_id, self.user):
                raise ServiceError(ua.StatusCodes.BadUserAccessDenied)
        return await super().transfer_subscriptions(params, callback)

    async def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Values, of so many nodes at once."""
        _require_few(params.NodesToRead, MOST_OPERATIONS)
        return await super().read(params)

    async def browse(self, params: ua.BrowseParameters) -> list[ua.BrowseResult]:
        """References, of so many nodes at once."""
        _require_few(params.NodesToBrowse, MOST_BROWSED)
        return await super().browse(params)

    async def translate_browsepaths_to_nodeids(self, params: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        """Node ids of so many paths at once, each of so many steps."""
        _require_few(params, MOST_BROWSED)
        for path in params:
            _require_few(path.RelativePath.Elements, MOST_PATH_ELEMENTS)
        return await super().translate_browsepaths_to_nodeids(params)

    async def history_read(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """The past of so many nodes at once."""
        _require_few(params.NodesToRead, MOST_HISTORY_NODES)
        return await super().history_read(params)

    async def call(self, params: list[ua.CallMethodRequest]) -> list[ua.CallMethodResult]:
        """Calls so many methods at once."""
        _require_few(params, MOST_CALLS)
        return await super().call(params)


class GuardedServer(InternalServer):
    """Asyncua's server without its permissive defaults."""

    def __init__(self, limits: Limits, users: Any) -> None:
        """Takes how much there may be, and who gives the users."""
        super().__init__(user_manager=users)
        self.allow_remote_admin = False
        self.max_connections = limits.clients
        self.max_subscriptions = limits.subscriptions
        self.max_pending_activation_seconds = LOGIN_WITHIN_S
        self.max_pending_messages_per_connection = MOST_WAITING_MESSAGES
        self.max_session_timeout_ms = LONGEST_SESSION_MS
        self.max_monitored_item_queue_size = 1000
        self.max_unacked_messages_per_subscription = 200

    def create_session(self, name: str, user: User = _STRANGER, external: bool = False) -> InternalSession:
        """A session whose token nobody can guess; asyncua counts them up."""
        made = GuardedSession(self, self.aspace, self.subscription_service, name, user=user, external=external)
        if external:
            self.unregister_external_session(made)
            made.auth_token = ua.NodeId(secrets.token_bytes(32), 0, ua.NodeIdType.ByteString)
            self.register_external_session(made)
        return made

    @property
    def sessions(self) -> Sequence[GuardedSession]:
        """The clients' sessions, the oldest first."""
        return [session for session in self._external_sessions.values() if isinstance(session, GuardedSession)]

    async def make_room(self) -> None:
        """Sees that there is room for one session more; one without a connection makes it.

        Raises:
            ServiceError: Every place is taken by a client that is there.
        """
        present = self.sessions
        if len(present) < self.max_connections:
            return
        gone = next((session for session in present if not session.is_connected), None)
        if gone is None:
            raise ServiceError(ua.StatusCodes.BadTooManySessions)
        await gone.close_session(delete_subs=True)

    async def drop_orphan(self) -> None:
        """Where every place for a subscription is taken, ends the oldest one that waits for a client who has gone."""
        present = self.subscription_service.subscriptions
        if len(present) < self.max_subscriptions:
            return
        here = {session.session_id for session in self.sessions if session.is_connected} | {self.isession.session_id}
        orphan = next((number for number, sub in present.items() if sub.session_id not in here), None)
        if orphan is not None:
            await self.subscription_service.delete_subscriptions([orphan])

    def is_of_user(self, session_id: ua.NodeId, user: User) -> bool:
        """Whether the session is one of that user."""
        owner = next((session for session in self.sessions if session.session_id == session_id), None)
        named = isinstance(user, PlatformUser) and user.tokens is not None
        return owner is not None and named and owner.user.name == user.name

    def decrypt_user_token(self, isession: Any, token: ua.UserNameIdentityToken) -> tuple[str, str]:
        """Name and password of a login.

        Raises:
            ValueError: It is encrypted in a way that can be broken, or not at all.
        """
        if token.EncryptionAlgorithm == _RSA15:
            raise ValueError("RSA 1.5 is not accepted")
        return super().decrypt_user_token(isession, token)

"""The client as the OPC UA process needs it: figures to begin from, signs of life, sessions of its clients' users."""

from datetime import datetime
from typing import Any

from serving.auth.schemas import TokenResponse, UserProfile
from serving.client import UssopClient
from serving.client_connection import ApiKey, ClientError, bearer, checked, parsed
from serving.opcua_status.schemas import Heartbeat, PlatformState, ResultList, Snapshot


class OpcUaClient(UssopClient):
    """The calls of the API that are the OPC UA server's alone, under the platform's own account."""

    def opcua_snapshot(self) -> Snapshot:
        """Every station as the database has it, and where to follow the events from.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(Snapshot, "GET", "/opcua/snapshot")

    def opcua_heartbeat(self, heartbeat: Heartbeat) -> PlatformState:
        """How the platform is, told for a sign of life of the OPC UA server.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        return self._ask(PlatformState, "PUT", "/opcua/heartbeat", json=heartbeat.model_dump(mode="json"))

    def results(
        self, station_id: str, since: datetime, until: datetime, *, newest_first: bool, limit: int
    ) -> ResultList:
        """Stored inspections of a station between two times, both included.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        wanted: dict[str, Any] = {"station_id": station_id, "newest_first": newest_first, "limit": limit}
        span = {"since": since.isoformat(), "until": until.isoformat()}
        return self._ask(ResultList, "GET", "/opcua/results", params=wanted | span)

    def log_in_user(self, username: str, password: str) -> TokenResponse:
        """A session of somebody else, who logs in through the platform's own account.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        # Not by `_send`: a wrong password is no reason to log in anew oneself, and must not be tried twice.
        if isinstance(self._account, ApiKey):
            raise ClientError("users log in through an account, not through an API key")
        headers = bearer(self._token or self._log_in(self._account, ""))
        body = {"username": username, "password": password}
        answer = self._request("POST", "/auth/login", json=body, headers=headers)
        return parsed(TokenResponse, checked(answer), "/auth/login")

    def refresh_user(self, refresh_token: str) -> TokenResponse:
        """The next tokens of such a session.

        Raises:
            ClientError: It was refused, or there was no answer.
        """
        answer = self._request("POST", "/auth/refresh", json={"refresh_token": refresh_token})
        return parsed(TokenResponse, checked(answer), "/auth/refresh")

    def user_of(self, token: str) -> UserProfile:
        """Whose access token it is.

        Raises:
            ClientError: It is worth nothing any more, or there was no answer.
        """
        return parsed(UserProfile, checked(self._request("GET", "/auth/me", headers=bearer(token))), "/auth/me")

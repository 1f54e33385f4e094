"""Who is asking, and what the roles allow."""

from dataclasses import dataclass
from typing import Literal

from serving.errors import Forbidden

ROLES = ("viewer", "operator", "engineer", "admin")  # each may do what the ones before it may


@dataclass(frozen=True, slots=True)
class Principal:
    """The user behind a request.

    Attributes:
        id: Identifier of the user.
        username: Name at login.
        roles: Roles of the user, any of `ROLES`.
        session_id: Family of the refresh tokens that this access token came with; empty for an API key.
        kind: A person with a session, or a machine with a key; `id` and `username` are then those of the key.
        stations: The only stations that it may use, None where it may use all.
    """

    id: str
    username: str
    roles: frozenset[str]
    session_id: str
    kind: Literal["user", "api_key"] = "user"
    stations: frozenset[str] | None = None

    def may_use(self, station_id: str) -> bool:
        """Whether the station is one that this caller may use."""
        return self.stations is None or station_id in self.stations

    def require_station(self, station_id: str) -> None:
        """Refuses stations that this caller may not use.

        Raises:
            Forbidden: It is one of those.
        """
        if not self.may_use(station_id):
            raise Forbidden("this API key is not for this station")

    def reaches(self, *roles: str) -> bool:
        """Whether the user has one of these roles or a higher one."""
        needed = min(ROLES.index(role) for role in roles)
        return any(ROLES.index(role) >= needed for role in self.roles if role in ROLES)

"""Who is asking, and what the roles allow."""

from dataclasses import dataclass

ROLES = ("viewer", "operator", "engineer", "admin")  # each may do what the ones before it may


@dataclass(frozen=True, slots=True)
class Principal:
    """The user behind a request.

    Attributes:
        id: Identifier of the user.
        username: Name at login.
        roles: Roles of the user, any of `ROLES`.
        session_id: Family of the refresh tokens that this access token came with.
    """

    id: str
    username: str
    roles: frozenset[str]
    session_id: str

    def reaches(self, *roles: str) -> bool:
        """Whether the user has one of these roles or a higher one."""
        needed = min(ROLES.index(role) for role in roles)
        return any(ROLES.index(role) >= needed for role in self.roles if role in ROLES)

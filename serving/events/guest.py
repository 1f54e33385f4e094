"""Who follows the events."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from serving.auth.tokens import Claims

LOWEST_ROLE: Final = "viewer"


@dataclass(frozen=True, slots=True)
class Guest:
    """Whose connection it is.

    Attributes:
        id: Of the user or the API key.
        stations: The stations that its key is for, None for all.
        expires_at: From when on its token or key is worthless, None for never.
        claims: Of its token, None where it has a key.
        secret: Its key, None where it has a token.
    """

    id: str
    stations: frozenset[str] | None
    expires_at: datetime | None
    claims: Claims | None = None
    secret: str | None = field(default=None, repr=False)

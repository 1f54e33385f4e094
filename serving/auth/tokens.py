"""Access and refresh tokens: signed claims, nothing stored here."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_OID, uuid4, uuid5

import jwt

from serving.clock import Clock, utc_now
from serving.errors import NotAuthenticated
from serving.secrets_file import derived_key
from serving.settings import Settings

_ALGORITHM = "HS256"
_MOST_REMEMBERED = 4096
_SUCCESSORS = uuid5(NAMESPACE_OID, "ussop.refresh")  # a name, no secret: the signature is what counts
_REQUIRED = ["exp", "iat", "sub", "jti", "typ", "sid", "gen"]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says.

    Attributes:
        user_id: Identifier of the user (`sub`).
        session_id: Family of refresh tokens that it belongs to (`sid`).
        generation: The user's token generation when it was made (`gen`).
        jti: Identifier of this token.
        expires_at: End of its life, UTC.
    """

    user_id: str
    session_id: str
    generation: int
    jti: str
    expires_at: datetime


class TokenIssuer:
    """Makes and verifies tokens with one key."""

    def __init__(self, settings: Settings, clock: Clock = utc_now) -> None:
        self._key = derived_key(settings, "tokens")
        self._lives = {
            "access": timedelta(minutes=settings.access_token_minutes),
            "refresh": timedelta(days=settings.refresh_token_days),
        }
        self._clock = clock
        # A signature holds as long as the token: a client that inspects ten parts a second is verified once.
        self._verified: dict[str, Claims] = {}

    def access(self, user_id: str, session_id: str, generation: int) -> str:
        """A new access token."""
        return self._sign("access", user_id, session_id, generation)[0]

    def refresh(self, user_id: str, session_id: str, generation: int) -> tuple[str, Claims]:
        """A new refresh token and what it says, for the store of tokens not yet used."""
        return self._sign("refresh", user_id, session_id, generation)

    def successor(self, used: Claims, at: datetime) -> tuple[str, Claims]:
        """The refresh token that follows `used`, which was used `at` (UTC): the same one however often it is asked for.

        An answer lost on its way is so given again without a second token of the same session coming into the world.
        """
        jti = str(uuid5(_SUCCESSORS, used.jti))
        return self._sign("refresh", used.user_id, used.session_id, used.generation, jti=jti, at=at)

    def verify_access(self, token: str) -> Claims:
        """What an access token says.

        Raises:
            NotAuthenticated: It is forged, expired, incomplete or of the other kind.
        """
        known = self._verified.get(token)
        if known is not None and known.expires_at > utc_now():
            return known
        claims = self._verify("access", token)
        if len(self._verified) >= _MOST_REMEMBERED:
            self._verified.clear()
        self._verified[token] = claims
        return claims

    def verify_refresh(self, token: str) -> Claims:
        """What a refresh token says; whether it was used before is not known here.

        Raises:
            NotAuthenticated: It is forged, expired, incomplete or of the other kind.
        """
        return self._verify("refresh", token)

    def _sign(
        self, kind: str, user_id: str, session_id: str, generation: int, jti: str = "", at: datetime | None = None
    ) -> tuple[str, Claims]:
        now = (at or self._clock()).replace(microsecond=0)
        claims = Claims(user_id, session_id, generation, jti or str(uuid4()), now + self._lives[kind])
        payload = {
            "sub": user_id,
            "sid": session_id,
            "gen": generation,
            "jti": claims.jti,
            "typ": kind,
            "iat": now,
            "exp": claims.expires_at,
        }
        return jwt.encode(payload, self._key, algorithm=_ALGORITHM), claims

    def _verify(self, kind: str, token: str) -> Claims:
        try:
            payload: dict[str, Any] = jwt.decode(
                token, self._key, algorithms=[_ALGORITHM], options={"require": _REQUIRED}
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise NotAuthenticated("the token is not valid or has expired") from error
        # One answer for every defect: a forger learns nothing from it.
        if payload["typ"] != kind or not all(isinstance(payload[name], str) for name in ("sub", "sid", "jti")):
            raise NotAuthenticated("the token is not valid or has expired")
        if not isinstance(payload["gen"], int):
            raise NotAuthenticated("the token is not valid or has expired")
        try:
            expires_at = datetime.fromtimestamp(payload["exp"], UTC)
        except (ValueError, OverflowError, OSError) as error:  # beyond the end of the calendar
            raise NotAuthenticated("the token is not valid or has expired") from error
        return Claims(payload["sub"], payload["sid"], payload["gen"], payload["jti"], expires_at)

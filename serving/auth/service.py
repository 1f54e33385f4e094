"""Login, refresh and logout. Everything here blocks: endpoints call it off the event loop."""

from datetime import datetime
from uuid import uuid4

import structlog
from sqlmodel import Session

from serving.auth import repository
from serving.auth.lockout import Lockout
from serving.auth.passwords import verify_password
from serving.auth.schemas import TokenResponse, UserSummary
from serving.auth.tokens import Claims, TokenIssuer
from serving.clock import Clock, utc_now
from serving.database import Database
from serving.errors import NotAuthenticated
from serving.tables import RefreshToken, User
from serving.users import repository as users

_log = structlog.get_logger(__name__)
_WRONG = "wrong username or password"


class AuthService:
    """Turns passwords into sessions and ends them."""

    def __init__(self, database: Database, tokens: TokenIssuer, access_life_s: int, clock: Clock = utc_now) -> None:
        self._database = database
        self._tokens = tokens
        self._access_life_s = access_life_s
        self._clock = clock
        self._lockout = Lockout()

    def login(self, username: str, password: str) -> TokenResponse:
        """A new session.

        Raises:
            NotAuthenticated: Unknown user, wrong password or disabled account: one answer for all three.
            TooManyRequests: Too many failures of this account.
        """
        self._lockout.begin(username)
        with self._database.read() as session:
            user = users.find_by_username(session, username)
        if not verify_password(password, user.password_hash if user else None) or user is None or not user.is_active:
            _log.warning("login_failed")
            raise NotAuthenticated(_WRONG)
        self._lockout.succeed(username)
        refresh_token, claims = self._tokens.refresh(user.id, str(uuid4()), user.token_generation)

        def store(session: Session) -> None:
            repository.forget_expired(session, claims.user_id, self._clock())
            repository.add(session, _row(claims))

        self._database.write(store).result()
        _log.info("login", user_id=user.id)
        return self._answer(user, refresh_token, claims)

    def refresh(self, token: str) -> TokenResponse:
        """The next pair of tokens of a session; the given one is used up.

        Raises:
            NotAuthenticated: The token is not valid, was used before (its whole session ends then), or the user
                may no longer log in.
        """
        old = self._tokens.verify_refresh(token)
        next_token, claims = self._tokens.refresh(old.user_id, old.session_id, old.generation)
        user = self._database.write(lambda session: _rotate(session, old, claims, self._clock())).result()
        if user is None:
            _log.warning("refresh_refused", user_id=old.user_id, session_id=old.session_id)
            raise NotAuthenticated("the session has ended")
        return self._answer(user, next_token, claims)

    def logout(self, session_id: str, refresh_token: str | None, user_id: str) -> None:
        """End a session: that of the refresh token if one of the same user is given, else `session_id`.

        Raises:
            NotAuthenticated: The refresh token is not valid or somebody else's.
        """
        family = session_id
        if refresh_token is not None:
            claims = self._tokens.verify_refresh(refresh_token)
            if claims.user_id != user_id:
                raise NotAuthenticated("the token is not valid or has expired")
            family = claims.session_id
        self._database.write(lambda session: repository.revoke_family(session, family, self._clock())).result()
        _log.info("logout", user_id=user_id)

    def _answer(self, user: User, refresh_token: str, claims: Claims) -> TokenResponse:
        return TokenResponse(
            access_token=self._tokens.access(user.id, claims.session_id, claims.generation),
            refresh_token=refresh_token,
            expires_in=self._access_life_s,
            user=UserSummary(id=user.id, username=user.username, roles=user.roles),
        )


def _rotate(session: Session, old: Claims, new: Claims, now: datetime) -> User | None:
    """Use up the old token and store the new one; None (and a dead session) if that may not be.

    It returns instead of raising: an error would roll the revocation back.
    """
    row = repository.find(session, old.jti)
    if row is None or row.revoked_at is not None:
        return None
    user = users.find(session, old.user_id)
    welcome = user is not None and user.is_active and user.token_generation == old.generation
    if row.used_at is not None or not welcome:
        repository.revoke_family(session, row.family, now)  # RFC 9700 section 4.14.2
        return None
    row.used_at = now
    repository.add(session, _row(new))
    return user


def _row(claims: Claims) -> RefreshToken:
    return RefreshToken.model_validate(
        {
            "jti": claims.jti,
            "family": claims.session_id,
            "user_id": claims.user_id,
            "expires_at": claims.expires_at,
        }
    )

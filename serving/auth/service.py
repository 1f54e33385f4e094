"""Login, refresh, logout and the own password. Everything here blocks: endpoints call it off the event loop."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import structlog
from sqlmodel import Session

from serving.audit.actor import Actor
from serving.audit.record import record
from serving.auth import repository
from serving.auth.lockout import Lockout
from serving.auth.passwords import verify_password
from serving.auth.schemas import TokenResponse, UserSummary
from serving.auth.tokens import Claims, TokenIssuer
from serving.clock import Clock, utc_now
from serving.database import Database
from serving.errors import Conflict, Forbidden, InvalidRequest, NotAuthenticated
from serving.tables import RefreshToken, User
from serving.users import repository as users
from serving.users.passwords import checked_hash
from serving.users.service import end_sessions
from serving.users.service_account import SERVICE_USER_ID

_log = structlog.get_logger(__name__)
REUSE_GRACE = timedelta(seconds=10)
_WRONG = "wrong username or password"


class AuthService:
    """Turns passwords into sessions and ends them."""

    def __init__(self, database: Database, tokens: TokenIssuer, access_life_s: int, clock: Clock = utc_now) -> None:
        self._database = database
        self._tokens = tokens
        self._access_life_s = access_life_s
        self._clock = clock
        self._lockout = Lockout()

    def login(self, username: str, password: str, caller: Actor) -> TokenResponse:
        """A new session.

        Raises:
            NotAuthenticated: Unknown user, wrong password or disabled account: one answer for all three.
            TooManyRequests: Too many failures of this account.
        """
        is_last_try = self._lockout.begin(username)
        with self._database.read() as session:
            user = users.find_by_username(session, username)
        if not verify_password(password, user.password_hash if user else None) or user is None or not user.is_active:
            self._note_failure(user, caller, is_last_try=is_last_try)
            raise NotAuthenticated(_WRONG)
        self._lockout.succeed(username)
        refresh_token, claims = self._tokens.refresh(user.id, str(uuid4()), user.token_generation)
        actor, now = _as_user(caller, user), self._clock()

        def store(session: Session) -> None:
            repository.forget_expired(session, claims.user_id, now)
            repository.add(session, _row(claims))
            told = {"session_id": claims.session_id}
            record(session, actor, "auth.logged_in", f"user/{user.username}", after=told, now=now)

        self._database.write(store).result()
        _log.info("login", user_id=user.id)
        return self._answer(user, refresh_token, claims)

    def refresh(self, token: str, caller: Actor) -> TokenResponse:
        """The next pair of tokens of a session; the given one is used up.

        For `REUSE_GRACE` the same token is answered with the same successor, as long as nobody has used that one: the
        answer to a tab that was reloaded, or to one of two tabs, is lost at times.

        Raises:
            NotAuthenticated: The token is not valid, was used before (its whole session ends then), or the user
                may no longer log in.
        """
        old = self._tokens.verify_refresh(token)
        rotate = partial(_rotate, old=old, tokens=self._tokens, caller=caller, now=self._clock())
        rotated = self._database.write(rotate).result()
        if rotated is None:
            _log.warning("refresh_refused", user_id=old.user_id, session_id=old.session_id)
            raise NotAuthenticated("the session has ended")
        return self._answer(*rotated)

    def logout(self, session_id: str, refresh_token: str | None, actor: Actor) -> None:
        """End a session: that of the refresh token if one of the same user is given, else `session_id`.

        Raises:
            NotAuthenticated: The refresh token is not valid or somebody else's.
        """
        family, now = session_id, self._clock()
        if refresh_token is not None:
            claims = self._tokens.verify_refresh(refresh_token)
            if claims.user_id != actor.id:
                raise NotAuthenticated("the token is not valid or has expired")
            family = claims.session_id

        def end(session: Session) -> None:
            repository.revoke_family(session, family, now)
            record(session, actor, "auth.logged_out", f"user/{actor.name}", after={"session_id": family}, now=now)

        self._database.write(end).result()
        _log.info("logout", user_id=actor.id)

    def change_password(self, user_id: str, old: str, new: str, actor: Actor) -> TokenResponse:
        """A new session under the new password; every session before has ended.

        Raises:
            Forbidden: The old password is wrong.
            TooManyRequests: It was wrong too often; guesses here count like those at login.
            InvalidRequest: The new one is too easy, too long or the old one.
            Conflict: It is the platform's account, or the password was changed elsewhere at the same moment.
            NotAuthenticated: The user is gone.
        """
        if user_id == SERVICE_USER_ID:
            raise Conflict("this is the account of the platform's own processes; `ussop up` looks after it")
        with self._database.read() as session:
            user = users.find(session, user_id)
        if user is None:
            raise NotAuthenticated("the session has ended")
        is_last_try = self._lockout.begin(user.username)
        if not verify_password(old, user.password_hash):
            self._note_failure(user, actor, is_last_try=is_last_try)
            raise Forbidden("the old password is wrong")
        self._lockout.succeed(user.username)
        if new == old:
            raise InvalidRequest("the new password is the old one")
        new_hash, now = checked_hash(new, user.username), self._clock()
        refresh_token, claims = self._tokens.refresh(user.id, str(uuid4()), user.token_generation + 1)
        changed = self._database.write(partial(_replace_password, user, new_hash, claims, actor, now)).result()
        _log.info("password_changed", user_id=user.id)
        return self._answer(changed, refresh_token, claims)

    def _note_failure(self, user: User | None, caller: Actor, *, is_last_try: bool) -> None:
        _log.warning("login_failed")
        # A name that nobody has is not repeated: people type their password there.
        subject = f"user/{user.username}" if user is not None else "user/unknown"
        reason = "unknown user" if user is None else "wrong password" if user.is_active else "disabled"
        now = self._clock()

        def note(session: Session) -> None:
            record(session, caller, "auth.login_failed", subject, after={"reason": reason}, now=now)
            if is_last_try:
                record(session, caller, "auth.locked_out", subject, now=now)

        self._database.write(note).result()

    def _answer(self, user: User, refresh_token: str, claims: Claims) -> TokenResponse:
        return TokenResponse(
            access_token=self._tokens.access(user.id, claims.session_id, claims.generation),
            refresh_token=refresh_token,
            expires_in=self._access_life_s,
            must_change_password=user.must_change_password,
            user=UserSummary(id=user.id, username=user.username, roles=user.roles),
        )


def _rotate(
    session: Session, old: Claims, tokens: TokenIssuer, caller: Actor, now: datetime
) -> tuple[User, str, Claims] | None:
    """Use up the old token and store its successor; None (and a dead session) if that may not be.

    It returns instead of raising: an error would roll the revocation back.
    """
    row = repository.find(session, old.jti)
    if row is None or row.revoked_at is not None:
        return None
    user = users.find(session, old.user_id)
    if user is None or not user.is_active or user.token_generation != old.generation:
        repository.revoke_family(session, row.family, now)
        return None
    successor, claims = tokens.successor(old, row.used_at or now)
    if row.used_at is None:
        row.used_at = now
        repository.add(session, _row(claims))
    elif now - row.used_at > REUSE_GRACE or not repository.is_unused(session, claims.jti):
        repository.revoke_family(session, row.family, now)  # RFC 9700 section 4.14.2
        told = {"session_id": row.family}
        record(session, caller, "auth.refresh_reused", f"user/{user.username}", after=told, now=now)
        return None
    return user, successor, claims


def _replace_password(seen: User, new_hash: str, claims: Claims, actor: Actor, now: datetime, session: Session) -> User:
    user = next((user for user in users.lock_all(session) if user.id == seen.id), None)
    if user is None:
        raise NotAuthenticated("the session has ended")
    if (user.password_hash, user.token_generation) != (seen.password_hash, seen.token_generation):
        raise Conflict("the password was changed elsewhere at the same moment")
    user.password_hash, user.password_changed_at, user.must_change_password = new_hash, now, False
    end_sessions(session, user, now)
    session.flush()
    repository.add(session, _row(claims))
    record(session, actor, "user.password_changed", f"user/{user.username}", now=now)
    return user


def _as_user(caller: Actor, user: User) -> Actor:
    return replace(caller, kind="user", id=user.id, name=user.username)


def _row(claims: Claims) -> RefreshToken:
    return RefreshToken.model_validate(
        {
            "jti": claims.jti,
            "family": claims.session_id,
            "user_id": claims.user_id,
            "expires_at": claims.expires_at,
        }
    )

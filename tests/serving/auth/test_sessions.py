"""A user who was disabled is out within five seconds; until then the database is left alone."""

import pytest
from sqlmodel import Session

from serving.audit.actor import PLATFORM
from serving.auth.service import AuthService
from serving.auth.sessions import MAX_AGE_S, SessionChecker
from serving.auth.tokens import Claims, TokenIssuer
from serving.database import Database
from serving.errors import NotAuthenticated
from serving.settings import Settings
from serving.users import repository as users
from tests.serving.conftest import PASSWORD


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def claims(settings: Settings, database: Database) -> Claims:
    tokens = TokenIssuer(settings)
    return tokens.verify_access(AuthService(database, tokens, 60).login("engineer", PASSWORD, PLATFORM).access_token)


def _disable(database: Database) -> None:
    def change(session: Session) -> None:
        user = users.find_by_username(session, "engineer")
        assert user is not None
        user.is_active = False
        session.add(user)

    database.write(change).result(timeout=20)


def test_user_is_remembered_for_five_seconds_when_checked(database: Database, claims: Claims) -> None:
    clock = _Clock()
    checker = SessionChecker(database, clock)
    assert checker.cached(claims) is None
    principal = checker.check(claims)
    _disable(database)
    clock.now_s += MAX_AGE_S - 0.01
    assert checker.cached(claims) == principal
    clock.now_s += 0.01
    assert checker.cached(claims) is None
    with pytest.raises(NotAuthenticated):
        checker.check(claims)


def test_nothing_is_remembered_when_told_to_forget(database: Database, claims: Claims) -> None:
    checker = SessionChecker(database, _Clock())
    checker.check(claims)
    checker.forget(claims)
    assert checker.cached(claims) is None


def test_five_seconds_are_not_more_when_read() -> None:
    assert MAX_AGE_S <= 5.0

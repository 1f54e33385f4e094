"""A refresh token answered twice: how long, and by what."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import create_engine

from serving.audit.actor import Actor
from serving.audit.chain import AuditChain
from serving.auth.service import REUSE_GRACE, AuthService
from serving.auth.tokens import TokenIssuer
from serving.clock import utc_now
from serving.database import Database
from serving.errors import NotAuthenticated
from serving.settings import Settings
from tests.serving.conftest import PASSWORD


class _Clock:
    def __init__(self) -> None:
        self.now = utc_now()

    def __call__(self) -> datetime:
        return self.now

    def go(self, by: timedelta) -> None:
        self.now += by


@pytest.fixture
def clock() -> _Clock:
    return _Clock()


@pytest.fixture
def auth(settings: Settings, clock: _Clock) -> Iterator[AuthService]:
    database = Database(create_engine(settings.database_url), queue_size=8, audit=AuditChain.open(settings))
    yield AuthService(database, TokenIssuer(settings, clock), 60, clock)
    database.close()


_CALLER = Actor(kind="anonymous", id="", name="", address="127.0.0.1")


def test_lost_answer_is_given_again_when_it_is_asked_for_soon(auth: AuthService, clock: _Clock) -> None:
    token = auth.login("viewer", PASSWORD, _CALLER).refresh_token
    lost = auth.refresh(token, _CALLER)
    clock.go(REUSE_GRACE)
    again = auth.refresh(token, _CALLER)
    assert again.refresh_token == lost.refresh_token
    assert auth.refresh(again.refresh_token, _CALLER).refresh_token != again.refresh_token


def test_session_ends_when_a_used_token_comes_back_late(auth: AuthService, clock: _Clock) -> None:
    token = auth.login("viewer", PASSWORD, _CALLER).refresh_token
    successor = auth.refresh(token, _CALLER).refresh_token
    clock.go(REUSE_GRACE + timedelta(seconds=1))
    for one in (token, successor):
        with pytest.raises(NotAuthenticated):
            auth.refresh(one, _CALLER)


def test_session_ends_when_a_used_token_comes_back_after_its_successor(auth: AuthService) -> None:
    token = auth.login("viewer", PASSWORD, _CALLER).refresh_token
    second = auth.refresh(token, _CALLER).refresh_token
    third = auth.refresh(second, _CALLER).refresh_token
    for one in (token, second, third):
        with pytest.raises(NotAuthenticated):
            auth.refresh(one, _CALLER)


def test_nothing_is_given_again_when_the_session_was_ended(auth: AuthService) -> None:
    answer = auth.login("viewer", PASSWORD, _CALLER)
    token = answer.refresh_token
    successor = auth.refresh(token, _CALLER).refresh_token
    actor = Actor(kind="user", id=answer.user.id, name="viewer", address="127.0.0.1")
    auth.logout("", successor, actor)
    with pytest.raises(NotAuthenticated):
        auth.refresh(token, _CALLER)

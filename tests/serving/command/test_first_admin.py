"""There is no default password: it is given, or random and kept private."""

import pytest
from pydantic import SecretStr
from sqlmodel import Session, col, delete, select

from serving.audit.actor import PLATFORM
from serving.auth.service import AuthService
from serving.auth.tokens import TokenIssuer
from serving.command.first_admin import ensure_admin, reset_password
from serving.database import Database
from serving.errors import ConfigurationError, NotAuthenticated, NotFound
from serving.settings import Settings
from serving.tables import User
from tests.serving.conftest import PASSWORD


@pytest.fixture
def empty(database: Database) -> Database:
    """The database without any user."""

    def forget(session: Session) -> None:
        session.exec(delete(User).where(col(User.id).is_not(None)))

    database.write(forget).result(timeout=20)
    return database


def _can_log_in(settings: Settings, database: Database, password: str) -> bool:
    try:
        AuthService(database, TokenIssuer(settings), 60).login("admin", password, PLATFORM)
    except NotAuthenticated:
        return False
    return True


def test_random_password_is_kept_private_when_none_is_given(settings: Settings, empty: Database) -> None:
    made = ensure_admin(settings)
    assert made is not None
    assert made.generated_password is not None
    assert made.password_file is not None
    assert len(made.generated_password) >= 20
    assert made.password_file.stat().st_mode & 0o777 == 0o600
    assert made.password_file.read_text(encoding="utf-8").strip() == made.generated_password
    assert _can_log_in(settings, empty, made.generated_password)
    assert not _can_log_in(settings, empty, "admin")
    with empty.read() as session:
        assert session.exec(select(User.must_change_password)).one() is True
    assert ensure_admin(settings) is None


def test_given_password_is_taken_and_not_written_when_set(settings: Settings, empty: Database) -> None:
    given = settings.model_copy(update={"admin_password": SecretStr("a password of my own")})
    made = ensure_admin(given)
    assert made is not None
    assert made.generated_password is None
    assert _can_log_in(settings, empty, "a password of my own")
    assert not (settings.data_dir / "admin-password.txt").exists()
    with empty.read() as session:
        assert session.exec(select(User.must_change_password)).one() is False


def test_given_password_is_refused_when_it_is_short(settings: Settings, empty: Database) -> None:
    with pytest.raises(ConfigurationError, match="ADMIN_PASSWORD") as caught:
        ensure_admin(settings.model_copy(update={"admin_password": SecretStr("admin")}))
    assert "'admin'" not in str(caught.value)


def test_password_is_the_written_one_when_the_first_start_crashed(settings: Settings, empty: Database) -> None:
    (settings.data_dir / "admin-password.txt").write_text("written before the crash\n", encoding="utf-8")
    made = ensure_admin(settings)
    assert made is not None
    assert made.generated_password == "written before the crash"
    assert _can_log_in(settings, empty, "written before the crash")


def test_sessions_end_when_the_password_is_reset(settings: Settings, database: Database) -> None:
    service = AuthService(database, TokenIssuer(settings), 60)
    before = service.login("admin", PASSWORD, PLATFORM)
    fresh = reset_password(settings, "admin")
    with pytest.raises(NotAuthenticated):
        service.refresh(before.refresh_token, PLATFORM)
    assert not _can_log_in(settings, database, PASSWORD)
    assert _can_log_in(settings, database, fresh)


def test_nobody_is_reset_when_the_name_is_unknown(settings: Settings) -> None:
    with pytest.raises(NotFound):
        reset_password(settings, "nobody")

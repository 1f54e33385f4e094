"""The first administrator, and a way back in for those who lost the password. There is no default password."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from serving.audit.actor import command_line
from serving.clock import utc_now
from serving.database import open_database
from serving.errors import ConfigurationError, InvalidRequest
from serving.secrets_file import read_or_create
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from serving.users.passwords import checked_hash
from serving.users.service import FIRST_ADMIN


@dataclass(frozen=True, slots=True)
class NewAdmin:
    """A first administrator that was just made.

    Attributes:
        username: Name at login.
        generated_password: What to show once, None when the password came with the settings.
        password_file: Where a generated password is kept, None when there was none to keep.
    """

    username: str
    generated_password: str | None
    password_file: Path | None


def ensure_admin(settings: Settings) -> NewAdmin | None:
    """The first administrator if one had to be made, None where there are users already.

    Raises:
        ConfigurationError: `ADMIN_PASSWORD` is too short, or the password's file cannot be written.
    """
    database = open_database(settings, queue_size=1)
    try:
        with database.read() as session:
            if repository.count(session):
                return None
        given = settings.admin_password.get_secret_value() if settings.admin_password else None
        file = None if given is not None else settings.first_password_file
        # The file comes first: a crash between the two must not leave a password that nobody knows.
        password = given if given is not None else read_or_create(settings.first_password_file, _random_password())
        # One that somebody chose is theirs; a generated one stands in a file.
        admin = users.new_user(FIRST_ADMIN, password, ["admin"], must_change_password=given is None)
        database.write(lambda session: users.create(session, admin, by=command_line(), now=utc_now())).result()
    except InvalidRequest as error:
        raise ConfigurationError(f"ADMIN_PASSWORD: {error}") from error
    finally:
        database.close()
    return NewAdmin(FIRST_ADMIN, None if given is not None else password, file)


def reset_password(settings: Settings, username: str) -> str:
    """The new random password of a user; every session they have ends.

    Raises:
        NotFound: There is no such user.
    """
    password = _random_password()
    password_hash = checked_hash(password)
    by, now = command_line(), utc_now()
    database = open_database(settings, queue_size=1)
    try:
        database.write(
            lambda session: users.set_password(
                session, username, password_hash, must_change_password=True, by=by, now=now
            )
        ).result()
    finally:
        database.close()
    if username == FIRST_ADMIN:
        settings.first_password_file.unlink(missing_ok=True)  # what it says is no longer true
    return password


def _random_password() -> str:
    return secrets.token_urlsafe(18)

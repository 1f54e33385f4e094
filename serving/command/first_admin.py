"""The first administrator, and a way back in for those who lost the password. There is no default password."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from serving.database import open_database
from serving.errors import ConfigurationError, InvalidRequest
from serving.secrets_file import read_or_create
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users

USERNAME = "admin"
_FILE_NAME = "admin-password.txt"


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
        file = None if given is not None else settings.data_dir / _FILE_NAME
        # The file comes first: a crash between the two must not leave a password that nobody knows.
        password = given if given is not None else read_or_create(settings.data_dir / _FILE_NAME, _random_password())
        admin = users.new_user(USERNAME, password, ["admin"])
        database.write(lambda session: repository.add(session, admin)).result()
    except InvalidRequest as error:
        raise ConfigurationError(f"ADMIN_PASSWORD: {error}") from error
    finally:
        database.close()
    return NewAdmin(USERNAME, None if given is not None else password, file)


def reset_password(settings: Settings, username: str) -> str:
    """The new random password of a user; every session they have ends.

    Raises:
        NotFound: There is no such user.
    """
    password = _random_password()
    password_hash = users.checked_hash(password)
    database = open_database(settings, queue_size=1)
    try:
        database.write(lambda session: users.set_password(session, username, password_hash)).result()
    finally:
        database.close()
    if username == USERNAME:
        (settings.data_dir / _FILE_NAME).unlink(missing_ok=True)  # what it says is no longer true
    return password


def _random_password() -> str:
    return secrets.token_urlsafe(18)

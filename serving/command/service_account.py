"""Gives the platform's own processes their way in: a user in the database, and its password in a private file."""

import base64
import json
from functools import partial
from pathlib import Path

from sqlmodel import Session

from serving.audit.actor import command_line
from serving.audit.record import record
from serving.auth.passwords import verify_password
from serving.clock import utc_now
from serving.database import open_database
from serving.errors import ConfigurationError
from serving.secrets_file import derived_key, write_new
from serving.settings import Settings
from serving.tables import User
from serving.users import repository
from serving.users import service as users
from serving.users.passwords import checked_hash
from serving.users.service_account import SERVICE_ROLES, SERVICE_USER_ID, SERVICE_USERNAME


def ensure_service_account(settings: Settings) -> Path:
    """The file that holds name and password of the service account; the user is as the file says.

    The password follows from the signing key: machines that share the key and the database agree on it, and a new key
    makes a new password.

    Args:
        settings: With a signing key (`with_secret_key`).

    Raises:
        ConfigurationError: The file cannot be written, or a person has the account's name.
    """
    password = base64.urlsafe_b64encode(derived_key(settings, "service-account")).decode()
    _ensure_user(settings, password)
    return _write(settings.service_account_file, {"username": SERVICE_USERNAME, "password": password})


def _ensure_user(settings: Settings, password: str) -> None:
    database = open_database(settings, queue_size=1)
    try:
        with database.read() as session:
            known = repository.find_by_username(session, SERVICE_USERNAME)
        if known is None:
            user = users.new_user(SERVICE_USERNAME, password, SERVICE_ROLES)
            user.id = SERVICE_USER_ID
            database.write(partial(_add, user=user)).result()
        elif known.id != SERVICE_USER_ID:
            raise ConfigurationError(f"the user name {SERVICE_USERNAME!r} belongs to the platform; rename that user")
        elif not (known.is_active and verify_password(password, known.password_hash)):
            password_hash = checked_hash(password)
            database.write(partial(_set_password, password_hash=password_hash)).result()
    finally:
        database.close()


def _add(session: Session, user: User) -> None:
    repository.add(session, user)
    record(session, command_line(), "user.created", f"user/{SERVICE_USERNAME}", after={"roles": list(SERVICE_ROLES)})


def _set_password(session: Session, password_hash: str) -> None:
    users.set_password(
        session, SERVICE_USERNAME, password_hash, must_change_password=False, by=command_line(), now=utc_now()
    )


def _write(path: Path, content: dict[str, str]) -> Path:
    text = json.dumps(content)
    scratch = path.with_suffix(".new")
    try:
        if path.is_file() and path.read_text(encoding="utf-8").strip() == text:
            path.chmod(0o600)
            return path
        scratch.unlink(missing_ok=True)
        write_new(scratch, text)
        scratch.replace(path)
    except OSError as error:
        raise ConfigurationError(f"cannot write {path}: {error.strerror}") from error
    return path

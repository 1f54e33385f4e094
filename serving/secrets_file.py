"""The signing key: taken from the settings or kept in a file that only its owner can read."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from pydantic import SecretStr

from serving.errors import ConfigurationError
from serving.settings import Settings

MIN_KEY_BYTES = 32  # RFC 7518 section 3.2: HS256 needs a key of at least 256 bits
_FILE_NAME = "secret.key"


def with_secret_key(settings: Settings) -> Settings:
    """The settings with a signing key: the given one, the stored one, or a new one that is stored now.

    Raises:
        ConfigurationError: The key is shorter than 32 bytes or its file cannot be used.
    """
    if settings.secret_key is not None:
        key = settings.secret_key.get_secret_value()
        origin = "SECRET_KEY"
    else:
        path = settings.data_dir / _FILE_NAME
        key = read_or_create(path, new_key())
        origin = str(path)
    if len(key.encode()) < MIN_KEY_BYTES:
        raise ConfigurationError(f"{origin} is shorter than {MIN_KEY_BYTES} bytes")
    return settings.model_copy(update={"secret_key": SecretStr(key)})


def derived_key(settings: Settings, purpose: str) -> bytes:
    """32 bytes that belong to one purpose, so that a signature made for one thing is worthless for another.

    Raises:
        ConfigurationError: The settings carry no key; `with_secret_key` comes first.
    Source: HKDF-Expand with one block, RFC 5869 section 2.3 (the key is already uniformly random).
    """
    if settings.secret_key is None:
        raise ConfigurationError("the settings carry no SECRET_KEY")
    return hmac.new(
        settings.secret_key.get_secret_value().encode(), purpose.encode() + b"\x01", hashlib.sha256
    ).digest()


def new_key() -> str:
    """A fresh random key of 48 bytes, as text."""
    return secrets.token_urlsafe(48)


def read_or_create(path: Path, fresh: str) -> str:
    """The text of a private file, created with `fresh` (mode 0600) where there is none.

    Raises:
        ConfigurationError: The file cannot be read or created.
    """
    try:
        write_new(path, fresh)
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigurationError(f"cannot create {path}: {error.strerror}") from error
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error


def write_new(path: Path, text: str) -> None:
    """Create a file that only its owner can read; O_EXCL also refuses a link planted there.

    Raises:
        FileExistsError: There is one already.
        OSError: It cannot be created.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())

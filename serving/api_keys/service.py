"""Making and revoking API keys. The sessions are those of `Database.write` jobs."""

from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlmodel import Session

from serving.api_keys import repository
from serving.api_keys.schemas import ApiKeyCreated, ApiKeyIn, ApiKeyOut
from serving.api_keys.secret import digest_of, prefix_of
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.errors import Conflict, InvalidRequest, NotFound
from serving.tables import ApiKey

# Every process holds them all in memory.
MOST_KEYS: Final = 1000
_TOLD: Final = {"name", "prefix", "role", "stations", "rate_limit", "expires_at"}


def create(session: Session, wanted: ApiKeyIn, secret: str, *, by: Actor, now: datetime) -> ApiKeyCreated:
    """The new key with its secret, which is kept nowhere.

    Raises:
        Conflict: Another key has the name.
        InvalidRequest: It would be expired already, or there are as many keys as there may be.
    """
    if wanted.expires_at is not None and wanted.expires_at <= now:
        raise InvalidRequest("expires_at lies in the past")
    if repository.name_is_taken(session, wanted.name):
        raise Conflict(f"there is a key called {wanted.name!r} already")
    if repository.count(session) >= MOST_KEYS:
        raise InvalidRequest(f"there are {MOST_KEYS} keys already: revoke one of those")
    stations = None if wanted.stations is None else sorted(set(wanted.stations))
    key = ApiKey.model_validate(
        {
            **wanted.model_dump(),
            "id": str(uuid4()),
            "stations": stations,
            "prefix": prefix_of(secret),
            "secret_sha256": digest_of(secret),
            "created_at": now,
            "created_by": by.name,
        }
    )
    repository.add(session, key)
    told = key.model_dump(mode="json", include=_TOLD)
    record(session, by, "api_key.created", f"api-key/{key.id}", after=told, now=now)
    return ApiKeyCreated.model_validate({**key.model_dump(), "key": secret})


def revoke(session: Session, key_id: str, *, by: Actor, now: datetime) -> ApiKeyOut:
    """The key, worthless from now on.

    Raises:
        NotFound: There is no such key, or it was revoked before.
    """
    key = repository.find(session, key_id)
    if key is None or key.revoked_at is not None:
        raise NotFound("there is no such key")
    key.revoked_at, key.revoked_by = now, by.name
    session.add(key)
    told = key.model_dump(mode="json", include=_TOLD)
    record(session, by, "api_key.revoked", f"api-key/{key.id}", before=told, now=now)
    return ApiKeyOut.model_validate(key)

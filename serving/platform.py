"""What one running API holds, handed to the endpoints as a dependency."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from serving.auth.sessions import SessionChecker
from serving.auth.tokens import TokenIssuer
from serving.database import Database
from serving.live import LiveInspector
from serving.metrics.registry import Metrics
from serving.settings import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware of UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Platform:
    """Everything that lives as long as the API does.

    Attributes:
        settings: The settings, with a signing key.
        database: Readers and the writer.
        live: The deployed model.
        metrics: What `/metrics` shows.
        tokens: Makes and verifies tokens.
        sessions: Says whether the user behind a token is still welcome.
        clock: The present in UTC.
    """

    settings: Settings
    database: Database
    live: LiveInspector
    metrics: Metrics
    tokens: TokenIssuer
    sessions: SessionChecker
    clock: Clock = utc_now


def get_platform(connection: HTTPConnection) -> Platform:
    """The platform of the application that received the request."""
    platform = connection.app.state.platform
    if not isinstance(platform, Platform):
        msg = "the application has not started"
        raise TypeError(msg)
    return platform


PlatformDep = Annotated[Platform, Depends(get_platform)]

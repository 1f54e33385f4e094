"""The clock of the platform. Whatever needs the time gets a `Clock`, so that tests can set it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The present, aware of UTC."""
    return datetime.now(UTC)

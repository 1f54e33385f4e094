"""Who acts, and from where."""

import getpass
from dataclasses import dataclass
from typing import Final, Literal

ActorKind = Literal["user", "api_key", "platform", "command", "anonymous"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is behind an act.

    Attributes:
        kind: A person, a machine with a key, the platform by itself, the command line, or nobody known.
        id: Identifier of the user or key.
        name: Name for people.
        address: Address that the request came from, None where there was none.
        request_id: The request, as the log lines and `X-Request-ID` name it.
    """

    kind: ActorKind
    id: str
    name: str
    address: str | None = None
    request_id: str | None = None


PLATFORM: Final = Actor("platform", "platform", "platform")
"""The platform by itself: nobody asked."""


def command_line() -> Actor:
    """Whoever typed the command, by the name that the operating system knows."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number without a name
        name = "unknown"
    return Actor("command", "command", name[:64])

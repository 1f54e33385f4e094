"""Who may call a route, read from the dependencies that it declares."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from serving.audit.dependencies import current_actor, unknown_actor
from serving.auth.dependencies import RoleCheck, access_claims, current_user, platform_account
from serving.images.endpoints import may_see
from serving.metrics.endpoints import remote_user

# Guards that let somebody through without a token: a signed link, or a Prometheus on this machine.
_OPTIONAL = frozenset({may_see, remote_user})


@dataclass(frozen=True)
class Guard:
    """Who may call a route.

    Attributes:
        is_guarded: Whether a token or key is looked at.
        is_optional: Whether some get through without one.
        role: The lowest role, None where any will do.
        people_only: Whether it is closed to API keys.
        or_platform: Whether the platform's own account gets through beside the role.
        platform_only: Whether nobody else does.
        is_audited: Whether the route names who acts, because it writes to the audit log.
    """

    is_guarded: bool
    is_optional: bool
    role: str | None
    people_only: bool
    or_platform: bool
    platform_only: bool
    is_audited: bool

    @property
    def sentence(self) -> str:
        """The same in words, for the description."""
        if not self.is_guarded:
            return "No token is needed."
        if self.is_optional:
            return "A token or API key is needed unless the caller is known otherwise."
        if self.platform_only:
            return "For the platform's own account alone."
        who = f"Role: {self.role or 'viewer'}."
        if self.or_platform:
            who += " The platform's own account may, too."
        return f"{who} API keys may not." if self.people_only else who


def guard_of(route: APIRoute) -> Guard:
    """Who may call a route."""
    calls = set(_calls(route.dependant))
    checks = [call for call in calls if isinstance(call, RoleCheck)]
    people = any(check.people_only for check in checks) or access_claims in calls
    return Guard(
        is_guarded=bool(checks) or bool(calls & {current_user, access_claims, *_OPTIONAL}),
        is_optional=bool(calls & _OPTIONAL),
        role=next((check.roles[0] for check in checks), None),
        people_only=people,
        or_platform=any(check.or_platform for check in checks),
        platform_only=platform_account in calls,
        is_audited=bool(calls & {current_actor, unknown_actor}),
    )


def _calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for each in dependant.dependencies:
        if each.call is not None:
            yield each.call
        yield from _calls(each)

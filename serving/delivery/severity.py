"""The order of severities."""

from typing import Final, get_args

from serving.alerts.schemas import Severity

SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""From the least severe to the most."""


def reaches(severity: str, least: Severity) -> bool:
    """Whether something is at least that severe."""
    return severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(least)

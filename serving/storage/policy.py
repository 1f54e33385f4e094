"""How long pictures are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Self

from serving.config.values import RuntimeConfig

DECISIONS: Final = ("pass", "uncertain", "fail")
"""In the order in which pictures go: what is least worth keeping first."""
MOST_SHARE: Final = 0.05
"""Of the stored pictures, what one pass may delete without being told to. Source: field reports of clean-ups that
took everything after a clock had jumped or a policy was mistyped (Frigate issues 2790, 6881, 7838)."""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long pictures are kept.

    Attributes:
        days: By decision; a decision that is missing is kept for ever.
        last_failures: So many newest failures of each station stay, however old they are.
        free_target_percent: Below this share of free disk, pictures of *pass* go before their time.
        space_min_days: But none younger than this.
    """

    days: Mapping[str, int]
    last_failures: int
    free_target_percent: float
    space_min_days: int

    @classmethod
    def of(cls, config: RuntimeConfig) -> Self:
        """The policy of the configuration."""
        days = (config.retention_pass_days, config.retention_uncertain_days, config.retention_fail_days)
        return cls(
            days={decision: number for decision, number in zip(DECISIONS, days, strict=True) if number > 0},
            last_failures=config.retention_last_failures,
            free_target_percent=config.retention_free_target_percent,
            space_min_days=config.retention_space_min_days,
        )

    def cutoffs(self, now: datetime) -> dict[str, datetime]:
        """By decision, the moment before which pictures are older than the policy."""
        return {decision: now - timedelta(days=days) for decision, days in self.days.items()}


def allowance(stored: int) -> int:
    """How many of so many stored pictures one pass may delete without being told to."""
    return int(stored * MOST_SHARE)

"""What a pass of retention would delete, and whether it may."""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session

from serving.storage import repository
from serving.storage.clock_watch import TOLERATED_JUMP_S
from serving.storage.policy import MOST_SHARE, RetentionPolicy, allowance
from serving.storage.repository import Amount

_NOTHING = Amount(0, 0)


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a plan depends on besides the pictures.

    Attributes:
        now: The present, UTC.
        clock_jump_s: By how much the clock was set forward while the API ran.
        disk_bytes: Size of the disk that holds the pictures.
        free_bytes: What is free of it.
    """

    now: datetime
    clock_jump_s: float
    disk_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass would delete.

    Attributes:
        cutoffs: By decision, the moment before which pictures go.
        stored: All stored pictures of inspections.
        by_decision: What would go of each decision.
        refusal: Why nothing is deleted at all, None if it may be.
    """

    cutoffs: Mapping[str, datetime]
    stored: Amount
    by_decision: Mapping[str, Amount]
    refusal: str | None

    @property
    def planned(self) -> Amount:
        """What would go together."""
        return sum(self.by_decision.values(), start=_NOTHING)


def make_plan(session: Session, policy: RetentionPolicy, around: Circumstances, *, allow_more: bool) -> Plan:
    """The plan of a pass that would begin now.

    It is refused as a whole where it would take more than a twentieth of the stored pictures and was not told to: a
    clock that is years ahead and a policy with a digit too few look like just that, and a part of a mistake is one too.
    A clock that was seen to jump forward is never believed, whatever the pass was told.
    """
    cutoffs = policy.cutoffs(around.now)
    by_decision = {
        decision: repository.deletable(session, decision, cutoff, policy.last_failures)
        for decision, cutoff in cutoffs.items()
    }
    plan = Plan(cutoffs, repository.stored(session), by_decision, None)
    if around.clock_jump_s > TOLERATED_JUMP_S:
        hours = around.clock_jump_s / 3600
        return replace(
            plan,
            refusal=f"the clock was set forward by {hours:.0f} h while the API ran, so the age of pictures is in "
            "doubt; restart the API once the clock is right",
        )
    if not allow_more and plan.planned.pictures > allowance(plan.stored.pictures):
        return replace(
            plan,
            refusal=f"{plan.planned.pictures} of {plan.stored.pictures} stored pictures are older than the policy; "
            f"one pass deletes at most {MOST_SHARE:.0%} unless it is told to (allow_more)",
        )
    return _with_space(session, plan, policy, around, allow_more=allow_more)


def _with_space(
    session: Session, plan: Plan, policy: RetentionPolicy, around: Circumstances, *, allow_more: bool
) -> Plan:
    """The plan with as many more of the oldest passes as the disk needs; never more than one pass may delete."""
    since = plan.cutoffs.get("pass")
    until = around.now - timedelta(days=policy.space_min_days)
    target_bytes = around.disk_bytes * policy.free_target_percent / 100
    missing_bytes = target_bytes - around.free_bytes - plan.planned.size_bytes
    room = plan.stored.pictures if allow_more else allowance(plan.stored.pictures) - plan.planned.pictures
    if since is None or since >= until or missing_bytes <= 0:
        return plan
    taken, cutoff = _NOTHING, since
    with closing(repository.oldest_passes(session, since, until)) as passes:
        for created_at, size_bytes in passes:
            if taken.pictures >= room or taken.size_bytes >= missing_bytes:
                break
            taken += Amount(1, size_bytes)
            cutoff = created_at + timedelta(microseconds=1)  # a cutoff is the first moment that stays
    return replace(
        plan,
        cutoffs={**plan.cutoffs, "pass": cutoff},
        by_decision={**plan.by_decision, "pass": plan.by_decision["pass"] + taken},
    )

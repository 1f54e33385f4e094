"""From the drawn passes and what people said of them to the escape rate. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from serving.curation.interval import clopper_pearson
from serving.curation.repository import DrawnPass
from serving.curation.schemas import AuditEstimate, Interval
from serving.review.repository import LABELED_STATES


@dataclass(frozen=True, slots=True)
class DrawTally:
    """One draw.

    Attributes:
        share: The chance of each pass.
        passes: How many had it.
        drawn: Those that were drawn.
    """

    share: float
    passes: int
    drawn: Sequence[DrawnPass]

    @property
    def is_complete(self) -> bool:
        """Whether nobody's look is missing."""
        return all(each.state != "pending" for each in self.drawn)


def estimate(draws: Sequence[DrawTally]) -> AuditEstimate | None:
    """The share of passed parts that have a defect, None where nothing can be said yet.

    Only complete draws count: within a draw, what is labelled before the rest may have been in the queue for another
    reason, as a picture that somebody expected to be wrong. Where the draws had different shares, only the passes
    whose lot is below the smallest are taken: each pass of every draw then had the same chance, so that their mean is
    unbiased and the exact interval of a share holds.

    Args:
        draws: With disjoint windows.
    """
    complete = [draw for draw in draws if draw.is_complete]
    share = min((draw.share for draw in complete), default=0.0)
    taken = [each for draw in complete for each in draw.drawn if each.lot < share and each.state in LABELED_STATES]
    if not taken:
        return None
    escapes = sum(each.has_defect for each in taken)
    low, high = clopper_pearson(escapes, len(taken))
    return AuditEstimate(
        escape_rate=escapes / len(taken),
        interval=Interval(low=low, high=high),
        labelled=len(taken),
        escapes=escapes,
        share=share,
        passes=sum(draw.passes for draw in complete),
    )


def count_states(draws: Sequence[DrawTally]) -> Mapping[str, int]:
    """How far people are with the drawn passes: sampled, labelled, skipped, waiting, lost, escapes."""
    states = Counter(each.state for draw in draws for each in draw.drawn)
    labelled = [each for draw in draws for each in draw.drawn if each.state in LABELED_STATES]
    return {
        "sampled": states.total(),
        "labelled": len(labelled),
        "skipped": states["skipped"],
        "waiting": states["pending"],
        "lost": states[None],
        "escapes": sum(each.has_defect for each in labelled),
    }

"""How open a verdict was: the distance of its scores to the thresholds that decided, as one number."""

from collections.abc import Iterable, Mapping

from models.recipe import Thresholds


def uncertainty_of_score(score: float, limits: Thresholds) -> float:
    """How open the verdict on one detection is, 0-1.

    1 in the middle between the two thresholds, 1/2 on either of them, 0 for a score of 0 or of 1; straight lines in
    between. So a score just outside ranks just below one just inside.

    Args:
        score: Of the detection, 0-1.
        limits: The thresholds of its class.
    """
    low, high = limits.accept_below, limits.reject_above
    if score < low:
        return 0.5 * max(0.0, score) / low
    if score > high:
        return 0.5 * max(0.0, 1.0 - score) / (1.0 - high)
    half = (high - low) / 2
    return 1.0 - 0.5 * abs(score - low - half) / half if half > 0 else 1.0


def uncertainty_of_part(
    scores: Iterable[tuple[str, float]], limits: Mapping[str, Thresholds], *, highest_not_counted: float = 0.0
) -> float:
    """How open the verdict on a part was, 0-1: that of its most open detection.

    Args:
        scores: Class and score of each detection that counted.
        limits: Thresholds of every class.
        highest_not_counted: Highest score that was too low to count. Its class is not stored; of the classes that it
            may have been of, the one whose threshold it came nearest to is taken.
    """
    found = [uncertainty_of_score(score, limits[name]) for name, score in scores if name in limits]
    possible = [each for each in limits.values() if each.accept_below > highest_not_counted]
    if possible and highest_not_counted > 0:
        found.append(max(uncertainty_of_score(highest_not_counted, each) for each in possible))
    return max(found, default=0.0)

"""Flow: fills the review queue with the pictures that are most worth a person's look. See docs/curation.md."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

from prefect import flow, get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.progress import Progress
from flows.settings import FlowSettings
from flows.tasks.choose_candidates import Choosing, by_lot, one_per_content
from flows.tasks.look_at_pictures import Lookers, Seen, look_at_pictures, open_lookers
from flows.tasks.strategies import ALL_STRATEGIES, Strategy, quotas_of
from serving.client import ClientError, ServiceAccount, UssopClient
from serving.curation.schemas import RANDOM_AUDIT, CandidateOut, DrawIn, DrawOut, Seed
from serving.review.schemas import ItemsIn, ItemsOut, Reason
from serving.stations.schemas import STATION_ID_PATTERN

_PUT_AT_ONCE: Final = 10  # of one transaction, behind which the line's own writes wait
_MOST_ROWS: Final = 1000  # of the table artifact
_NO_WEIGHTS: Final[list[float]] = []


def _is_passing(_task: Any, _run: Any, state: Any) -> bool:
    """Whether it is worth trying again: the API was away, which a restart of it takes seconds for."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, ClientError) and error.is_passing


# Again, where the API was away: each of these steps does nothing twice.
_AGAIN: Final[dict[str, Any]] = {
    "retries": 4,
    "retry_delay_seconds": [2, 5, 15, 30],
    "retry_condition_fn": _is_passing,
    "cache_policy": NO_CACHE,
}


@flow(name="curate", timeout_seconds=3 * 3600, retries=0, validate_parameters=True)
def curate(
    strategies: list[Strategy] = ALL_STRATEGIES,
    hours: Annotated[int, Field(ge=1, le=24 * 31)] = 24,
    budget: Annotated[int, Field(ge=0, le=2000)] = 60,
    weights: list[float] = _NO_WEIGHTS,
    audit_share: Annotated[float, Field(gt=0, le=1)] = 0.005,
    station_id: Annotated[str, Field(pattern=f"^$|{STATION_ID_PATTERN}")] = "",
    most_pictures: Annotated[int, Field(ge=1, le=20_000)] = 400,
    seed: Seed = 0,
) -> dict[str, Any]:
    """What was put into the review queue and why; also as progress and table artifacts.

    Args:
        strategies: Any of uncertainty, class_rarity, disagreement, diversity, random_audit.
        hours: The inspections of so many hours are looked through.
        budget: Pictures of one such window, for all strategies but `random_audit`.
        weights: One for each strategy but `random_audit`, in the order named: its share of the budget, and how high
            its pictures rank; empty for equal ones.
        audit_share: The chance of each pass to be drawn by `random_audit`.
        station_id: Only the inspections of that station; empty for all. The audit draws from all of them.
        most_pictures: Pictures that the networks look at, for `disagreement` and `diversity`; chosen by lot.
        seed: Of the lots.

    Raises:
        ValueError: A strategy is named twice, or the weights do not fit.
        ClientError: The API does not answer, or refuses the account.
    """
    settings, log = FlowSettings(), get_run_logger()
    quotas = quotas_of(strategies, weights, budget)
    since = datetime.now(UTC) - timedelta(hours=hours)
    with UssopClient(settings.api_url, ServiceAccount.read(settings.service_account_file)) as client:
        drawn = draw_audit(client, DrawIn(since=since, share=audit_share, seed=seed)) if _audits(strategies) else None
        candidates = list_candidates(client, since, station_id or None) if quotas else []
        lookers = open_lookers(settings, strategies)
        for name, reason in lookers.left_out.items():
            log.warning("%s is left out: %s", name, reason)
        chosen = by_lot(candidates, seed, most_pictures) if lookers.is_needed else []
        seen = look(client, chosen, lookers)
        reasons = Choosing(candidates, seen, client.review_stats().per_class).follow(quotas)
        put = fill_queue(client, reasons)
    found = _summary(candidates, lookers, reasons, put, drawn)
    create_table_artifact(_rows(candidates, reasons, drawn), key="curate", description=_in_words(found))
    log.info("%s", _in_words(found))
    return found


@task(name="draw-audit", **_AGAIN)
def draw_audit(client: UssopClient, wanted: DrawIn) -> DrawOut:
    """The passes that were drawn by lot; the API draws, keeps the record and fills the queue."""
    return client.draw_audit(wanted)


@task(name="list-candidates", **_AGAIN)
def list_candidates(client: UssopClient, since: datetime, station_id: str | None) -> list[CandidateOut]:
    """The inspections to choose from, one per content."""
    return one_per_content(list(client.candidates(since, station_id=station_id)))


@task(name="look-at-pictures", **_AGAIN)
def look(client: UssopClient, chosen: Sequence[CandidateOut], lookers: Lookers) -> dict[str, Seen]:
    """What the networks see in the pictures."""
    with Progress("curate-progress", f"{len(chosen)} pictures to look at", len(chosen)) as progress:
        seen = look_at_pictures(client, chosen, lookers, get_run_logger().warning, progress.reached)
        progress.reached(max(1, len(chosen)))
    return seen


@task(name="fill-queue", **_AGAIN)
def fill_queue(client: UssopClient, reasons: Mapping[str, list[Reason]]) -> ItemsOut:
    """What became of the chosen pictures."""
    entries = [ItemsIn.Entry(inspection_id=chosen, reasons=why) for chosen, why in reasons.items()]
    put = ItemsOut(added=0, updated=0, labeled=0, unknown=[])
    for start in range(0, len(entries), _PUT_AT_ONCE):
        part = client.put_review_items(ItemsIn(items=entries[start : start + _PUT_AT_ONCE]))
        put.added += part.added
        put.updated += part.updated
        put.labeled += part.labeled
        put.unknown += part.unknown
    return put


def _audits(strategies: Sequence[Strategy]) -> bool:
    return RANDOM_AUDIT in strategies


def _summary(
    candidates: Sequence[CandidateOut],
    lookers: Lookers,
    reasons: Mapping[str, list[Reason]],
    put: ItemsOut,
    drawn: DrawOut | None,
) -> dict[str, Any]:
    names = [reason.strategy for why in reasons.values() for reason in why]
    audit = drawn and {
        "draw": drawn.id,
        "passes": drawn.passes,
        "drawn": len(drawn.drawn),
        "added": sum(each.added for each in drawn.drawn),
    }
    return {
        "candidates": len(candidates),
        "added": put.added,
        "updated": put.updated,
        "chosen": {name: names.count(name) for name in sorted(set(names))},
        "left_out": dict(lookers.left_out),
        "audit": audit,
    }


def _in_words(found: Mapping[str, Any]) -> str:
    chosen = ", ".join(f"{count} by {name}" for name, count in found["chosen"].items()) or "none"
    words = [f"{found['added']} of {found['candidates']} candidates put into the queue ({chosen})"]
    if (audit := found["audit"]) is not None:
        words.append(f"{audit['drawn']} of {audit['passes']} passes drawn by lot, {audit['added']} of them new")
    words += [f"{name} left out: {reason}" for name, reason in found["left_out"].items()]
    return "; ".join(words)


def _rows(
    candidates: Sequence[CandidateOut], reasons: Mapping[str, list[Reason]], drawn: DrawOut | None
) -> list[dict[str, Any]]:
    known = {each.inspection_id: each for each in candidates}
    rows = []
    for inspection_id, why in reasons.items():
        each = known[inspection_id]
        told = ", ".join(f"{reason.strategy} {reason.score:.2f}" for reason in why)
        rank = max(reason.score for reason in why)
        rows.append(_row(inspection_id, each.station_id, each.decision, told, rank))
    rows.sort(key=lambda row: -float(row["rank"]))
    for lucky in drawn.drawn if drawn else []:
        state = "new" if lucky.added else lucky.state or "deleted meanwhile"
        rows.append(_row(lucky.inspection_id, lucky.station_id, "pass", f"{RANDOM_AUDIT}, {state}", 1.0))
    return rows[:_MOST_ROWS]


def _row(inspection_id: str, station_id: str, decision: str, why: str, rank: float) -> dict[str, Any]:
    return {"inspection": inspection_id, "station": station_id, "decision": decision, "why": why, "rank": rank}

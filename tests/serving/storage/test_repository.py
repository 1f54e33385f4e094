"""What protects a picture, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import text

from serving.audit.actor import PLATFORM
from serving.database import Database, create_engine
from serving.inspections import holds
from serving.storage import repository
from serving.storage.planning import Circumstances, Plan, make_plan
from serving.storage.policy import RetentionPolicy
from tests.serving.storage.stock import CONTENT, Stock

POLICY = RetentionPolicy({"pass": 30, "uncertain": 90, "fail": 365}, 2, 5.0, 7)
SIZE = len(CONTENT)


def plan_of(stock: Stock, *, allow_more: bool = True, free_bytes: int = 500_000, jump_s: float = 0.0) -> Plan:
    around = Circumstances(stock.now, jump_s, disk_bytes=1_000_000, free_bytes=free_bytes)
    with stock.database.read() as session:
        return make_plan(session, POLICY, around, allow_more=allow_more)


def candidates(stock: Stock, decision: str, *, limit: int = 100) -> list[str]:
    cutoff = POLICY.cutoffs(stock.now)[decision]
    with stock.database.read() as session:
        found = repository.next_candidates(session, decision, cutoff, after=None, last_failures=2, limit=limit)
    return [candidate.inspection_id for candidate in found]


def mark(stock: Stock, ids: list[str]) -> list[str]:
    job = partial(repository.mark_deleted, inspection_ids=ids, last_failures=2, now=stock.now)
    marked = stock.database.write(job).result(timeout=30)
    return [picture.image_path for picture in marked]


def test_each_decision_has_its_own_time_when_planned(stock: Stock) -> None:
    for decision, age_days in (("pass", 31), ("uncertain", 91), ("fail", 366)):
        stock.add(decision, age_days, count=3)
        stock.add(decision, age_days - 2, count=3)
    plan = plan_of(stock)
    assert plan.stored == repository.Amount(18, 18 * SIZE)
    # Five failures: the three old ones have at least two newer ones each.
    assert {name: amount.pictures for name, amount in plan.by_decision.items()} == {
        "pass": 3,
        "uncertain": 3,
        "fail": 3,
    }
    assert plan.planned.size_bytes == 9 * SIZE


def test_the_newest_failures_of_each_station_stay_when_old(stock: Stock) -> None:
    many, few = stock.add("fail", 500, count=5), stock.add("fail", 500, count=2, station_id="line-2")
    assert candidates(stock, "fail") == many[:3]
    assert plan_of(stock).by_decision["fail"].pictures == 3
    assert len(mark(stock, [*many, *few])) == 3


def test_all_failures_stay_when_they_have_one_time(stock: Stock) -> None:
    ids = stock.add("fail", 500, count=5)
    with stock.database.engine.begin() as connection:
        connection.execute(text("UPDATE inspections SET created_at = (SELECT min(created_at) FROM inspections)"))
    assert len(candidates(stock, "fail")) == 3
    assert candidates(stock, "fail") == sorted(ids)[:3]


@pytest.mark.parametrize("state", ["pending", "labeled", "trained", "a state of days to come"])
def test_picture_stays_when_it_is_in_the_queue(stock: Stock, state: str) -> None:
    kept, goes = stock.add("pass", 100, count=2)
    stock.queue(kept, state[:16])
    assert candidates(stock, "pass") == [goes]
    assert len(mark(stock, [kept, goes])) == 1
    assert stock.inspection(kept).picture_deleted_at is None


def test_picture_stays_when_it_is_on_hold_or_in_a_data_set(stock: Stock) -> None:
    held, frozen, goes = stock.add("pass", 100, count=3)
    stock.hold(held)
    stock.freeze(stock.queue(frozen, "skipped"))
    assert candidates(stock, "pass") == [goes]
    assert len(mark(stock, [held, frozen, goes])) == 1
    assert plan_of(stock).planned.pictures == 0


def test_skipped_item_goes_with_its_picture_when_deleted(stock: Stock) -> None:
    (goes,) = stock.add("pass", 100)
    stock.queue(goes, "skipped")
    assert mark(stock, [goes]) == [stock.inspection(goes).image_path]
    with stock.database.read() as session:
        assert session.connection().execute(text("SELECT count(*) FROM review_items")).scalar() == 0
    assert stock.inspection(goes).picture_deleted_at is not None
    assert mark(stock, [goes]) == []  # once


def test_candidates_come_in_order_and_none_twice_when_asked_in_pages(stock: Stock) -> None:
    ids, seen = stock.add("pass", 100, count=7), []
    after = None
    while True:
        with stock.database.read() as session:
            page = repository.next_candidates(session, "pass", stock.now, after=after, last_failures=2, limit=2)
        if not page:
            break
        after = page[-1]
        seen += [candidate.inspection_id for candidate in page]
    assert seen == ids


@pytest.mark.parametrize(("stored", "old", "refused"), [(100, 5, False), (100, 6, True), (19, 1, True), (20, 1, False)])
def test_pass_is_refused_when_it_would_take_more_than_a_twentieth(
    stock: Stock, stored: int, old: int, refused: bool
) -> None:
    stock.add("pass", 1, count=stored - old)
    stock.add("pass", 31, count=old)
    plan = plan_of(stock, allow_more=False)
    assert (plan.refusal is not None) == refused
    assert plan.planned.pictures == old
    assert plan_of(stock, allow_more=True).refusal is None


def test_pass_is_refused_even_when_told_to_if_the_clock_has_jumped(stock: Stock) -> None:
    stock.add("pass", 1, count=100)
    assert "clock" in str(plan_of(stock, jump_s=40 * 86400.0).refusal)
    assert plan_of(stock, jump_s=3600.0).refusal is None
    assert plan_of(stock, jump_s=-40 * 86400.0).refusal is None


def test_oldest_passes_go_before_their_time_when_the_disk_is_full(stock: Stock) -> None:
    young, middle, old = stock.add("pass", 3, count=50), stock.add("pass", 20, count=45), stock.add("pass", 40, count=2)
    kept = stock.add("fail", 20, count=3)
    stock.queue(middle[0], "pending")
    # 5 % of a million bytes are wanted, 46,500 are free and the old ones give 2,000: two more will do.
    plan = plan_of(stock, free_bytes=50_000 - 2 * SIZE - 1500, allow_more=False)
    assert plan.refusal is None
    assert plan.planned.pictures == 4
    with stock.database.read() as session:
        found = repository.next_candidates(
            session, "pass", plan.cutoffs["pass"], after=None, last_failures=2, limit=100
        )
    assert [candidate.inspection_id for candidate in found] == [*old, *middle[1:3]]
    assert plan.by_decision["fail"].pictures == 0
    # With next to nothing free, a twentieth is all the same the most, and the young ones stay in any case.
    assert plan_of(stock, free_bytes=0, allow_more=False).planned.pictures == 5
    told = plan_of(stock, free_bytes=0, allow_more=True)
    assert told.planned.pictures == len(old) + len(middle) - 1
    assert told.cutoffs["pass"] < stock.now - timedelta(days=7)
    assert stock.left_of([*young, *kept]) == [*young, *kept]


def test_no_pass_goes_early_when_passes_are_kept_for_ever(stock: Stock) -> None:
    stock.add("pass", 1000, count=10)
    policy = RetentionPolicy({"fail": 365}, 0, 50.0, 7)
    with stock.database.read() as session:
        plan = make_plan(session, policy, Circumstances(stock.now, 0.0, 1_000_000, 0), allow_more=True)
    assert plan.planned.pictures == 0


def test_either_the_hold_or_the_deletion_wins_when_two_processes_decide_at_once(stock: Stock) -> None:
    ids = stock.add("pass", 100, count=40)
    url = stock.database.engine.url.render_as_string(hide_password=False)
    other = Database(create_engine(url), queue_size=8, audit=stock.database._audit)  # as another process has it

    def hold(inspection_id: str) -> bool:
        job = partial(holds.put, inspection_id=inspection_id, reason="evidence", actor=PLATFORM, now=stock.now)
        return other.write(job).exception(timeout=60) is None

    with ThreadPoolExecutor(1) as pool:
        holding = pool.map(hold, ids)
        marked = {inspection_id: bool(mark(stock, [inspection_id])) for inspection_id in ids}
    held = dict(zip(ids, holding, strict=True))
    assert held == {inspection_id: not done for inspection_id, done in marked.items()}
    for inspection_id in ids:
        row = stock.inspection(inspection_id)
        assert (row.held_at is not None) == held[inspection_id]
        assert (row.picture_deleted_at is not None) == marked[inspection_id]
    other.close()

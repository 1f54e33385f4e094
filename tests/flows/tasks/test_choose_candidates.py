"""How the strategies share the candidates of a window."""

from datetime import UTC, datetime
from typing import Any

import numpy as np

from flows.tasks.choose_candidates import Choosing, by_lot, one_per_content
from flows.tasks.look_at_pictures import Seen
from flows.tasks.strategies import Quota, Strategy
from serving.curation.schemas import CandidateOut, InQueue


def _candidate(name: str, *, queued_by: str | None = None, state: str = "pending", **values: Any) -> CandidateOut:
    in_queue = InQueue.model_validate({"state": state, "strategies": [queued_by]}) if queued_by else None
    fields: dict[str, Any] = {
        "inspection_id": name,
        "station_id": "default",
        "decision": "fail",
        "created_at": datetime(2024, 1, 1, tzinfo=UTC),
        "model_version": "1",
        "uncertainty": 0.0,
        "classes": [],
        "image_sha256": name,
        "image_url": f"/static/images/{name}.png",
        "in_queue": in_queue,
    }
    return CandidateOut.model_validate({**fields, **values})


def _seen(x: float, disagreement: float | None = None) -> Seen:
    return Seen(np.array([x, 0.0], np.float32), disagreement)


def _quotas(**places: int) -> dict[Strategy, Quota]:
    names: tuple[Strategy, ...] = ("uncertainty", "class_rarity", "disagreement", "diversity")
    return {name: Quota(places[name], 1.0) for name in names if name in places}


def test_what_waits_or_was_looked_at_is_not_chosen_when_it_scores_best() -> None:
    candidates = [
        _candidate("waits", uncertainty=1.0, queued_by="diversity"),
        _candidate("labelled", uncertainty=0.9, queued_by="diversity", state="labeled"),
        _candidate("skipped", uncertainty=0.9, queued_by="diversity", state="skipped"),
        _candidate("new", uncertainty=0.8),
        _candidate("certain", uncertainty=0.2),
    ]
    chosen = Choosing(candidates, {}, {}).follow(_quotas(uncertainty=9))
    assert list(chosen) == ["new"]
    assert [(reason.strategy, reason.score) for reason in chosen["new"]] == [("uncertainty", 0.8)]


def test_nothing_is_added_when_the_places_were_taken_by_an_earlier_run() -> None:
    before = [_candidate(str(n), uncertainty=0.5 + n / 20) for n in range(6)]
    chosen = Choosing(before, {}, {}).follow(_quotas(uncertainty=4))
    assert sorted(chosen) == ["2", "3", "4", "5"]
    after = [
        _candidate(
            e.inspection_id, uncertainty=e.uncertainty, queued_by="uncertainty" if e.inspection_id in chosen else None
        )
        for e in before
    ]
    assert Choosing(after, {}, {}).follow(_quotas(uncertainty=4)) == {}
    assert sorted(Choosing(after, {}, {}).follow(_quotas(uncertainty=5))) == ["1"]


def test_diversity_turns_away_from_what_others_chose_when_it_comes_last() -> None:
    candidates = [
        _candidate("open", uncertainty=1.0),
        _candidate("beside it"),
        _candidate("far"),
        _candidate("queued", queued_by="uncertainty"),
        _candidate("unseen"),
    ]
    seen = {"open": _seen(0), "beside it": _seen(0.1), "far": _seen(5), "queued": _seen(9)}
    chosen = Choosing(candidates, seen, {}).follow(_quotas(uncertainty=2, diversity=1))
    assert {name: [reason.strategy for reason in why] for name, why in chosen.items()} == {
        "open": ["uncertainty"],
        "far": ["diversity"],
    }


def test_reasons_add_up_and_weigh_when_two_strategies_want_one_picture() -> None:
    candidates = [_candidate("a", uncertainty=0.9, classes=["dent"]), _candidate("b", classes=["scratch"])]
    quotas: dict[Strategy, Quota] = {"uncertainty": Quota(1, 1.0), "class_rarity": Quota(1, 0.5)}
    chosen = Choosing(candidates, {}, {"scratch": 5}).follow(quotas)
    assert [(reason.strategy, reason.score) for reason in chosen["a"]] == [("uncertainty", 0.9), ("class_rarity", 0.5)]
    assert list(chosen) == ["a"]


def test_disputed_pictures_are_chosen_when_both_versions_saw_them() -> None:
    candidates = [_candidate(name) for name in ("same", "differs", "unseen")]
    seen = {"same": _seen(0, 0.0), "differs": _seen(0, 0.75)}
    chosen = Choosing(candidates, seen, {}).follow(_quotas(disagreement=9))
    assert [(name, why[0].score) for name, why in chosen.items()] == [("differs", 0.75)]


def test_first_of_equal_pictures_stays_when_there_are_copies() -> None:
    candidates = [_candidate("a"), _candidate("b", image_sha256="a"), _candidate("c")]
    assert [each.inspection_id for each in one_per_content(candidates)] == ["a", "c"]


def test_same_pictures_are_looked_at_when_asked_again() -> None:
    candidates = [_candidate(str(number)) for number in range(50)]
    first = [each.inspection_id for each in by_lot(candidates, 1, 10)]
    assert [each.inspection_id for each in by_lot(candidates[::-1], 1, 10)] == first
    assert [each.inspection_id for each in by_lot(candidates, 2, 10)] != first
    assert len(by_lot(candidates, 1, 99)) == 50

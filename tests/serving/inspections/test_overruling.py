"""People overrule verdicts: what the model said stays, why is written down, and the picture becomes training data."""

import httpx
import pytest
from sqlmodel import col, select

from serving.database import Database
from serving.inspections import repository
from serving.inspections.repository import InspectionFilter
from serving.tables import Inspection
from tests.pictures import Colour, png_bytes, square_picture
from tests.serving.conftest import bearer, log_in


@pytest.fixture
def operator(client: httpx.Client, operator_token: str) -> httpx.Client:
    client.headers.update(bearer(operator_token))
    return client


def _inspected(operator: httpx.Client, colour: Colour | None, **fields: str) -> str:
    files = {"file": ("part.png", png_bytes(square_picture(colour)))}
    answer = operator.post("/api/v1/inspect", files=files, data=fields)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def _overrule(operator: httpx.Client, inspection_id: str, decision: str, **more: object) -> httpx.Response:
    body = {"decision": decision, "reason": " a reflection ", **more}
    return operator.post(f"/api/v1/inspect/{inspection_id}/overrule", json=body)


def test_picture_teaches_a_good_part_when_a_reject_is_passed(operator: httpx.Client) -> None:
    inspection_id = _inspected(operator, "red")
    answer = _overrule(operator, inspection_id, "pass").json()
    one = answer["inspection"]
    assert (one["decision"], one["overruled_to"], one["overrule_reason"]) == ("fail", "pass", "a reflection")
    assert one["overruled_by"] == "operator"
    assert answer["review_state"] == "labeled"
    assert operator.get(f"/api/v1/inspect/{inspection_id}").json()["overruled_to"] == "pass"
    stats = operator.get("/api/v1/active-learning/stats").json()
    assert (stats["labeled"], stats["good_parts"], stats["pending"]) == (1, 1, 0)
    assert _overrule(operator, inspection_id, "pass").status_code == 409
    audit = operator.get("/api/v1/audit", headers=bearer(log_in(operator, "admin"))).json()["entries"]
    told = next(entry for entry in audit if entry["action"] == "inspection.overruled")
    assert told["actor"]["name"] == "operator"
    assert told["after"] == {"decision": "fail", "overruled_to": "pass", "reason": "a reflection"}


def test_picture_waits_first_when_a_pass_is_failed(operator: httpx.Client) -> None:
    _inspected(operator, "pale_red")  # waits already, for being uncertain
    escape = _inspected(operator, None)
    answer = _overrule(operator, escape, "fail").json()
    assert answer["review_state"] == "pending"
    first = operator.get("/api/v1/active-learning/queue").json()["items"][0]
    assert (first["id"], first["inspection_id"]) == (answer["review_item_id"], escape)
    assert {"strategy": "overruled", "score": 1.0} in first["reasons"]


def test_label_of_a_good_part_goes_when_the_part_is_failed_after_all(operator: httpx.Client) -> None:
    inspection_id = _inspected(operator, "red")
    _overrule(operator, inspection_id, "pass")
    assert _overrule(operator, inspection_id, "fail").json()["review_state"] == "pending"
    assert operator.get("/api/v1/active-learning/stats").json()["good_parts"] == 0


def test_defects_are_labels_when_they_come_along(operator: httpx.Client) -> None:
    inspection_id = _inspected(operator, None)
    defects = [{"class_name": "dent", "bbox": [1, 2, 30, 40]}]
    assert _overrule(operator, inspection_id, "fail", annotations=defects).json()["review_state"] == "labeled"
    assert operator.get("/api/v1/active-learning/stats").json()["per_class"] == {"dent": 1}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"decision": "fail"}, 422),
        ({"decision": "fail", "reason": "  "}, 422),
        ({"decision": "uncertain", "reason": "x"}, 422),
        ({"decision": "fail", "reason": "x", "annotations": [{"class_name": "dent", "bbox": [0, 0, 999, 9]}]}, 422),
        ({"decision": "fail", "reason": "x", "annotations": [{"class_name": "unheard of", "bbox": [0, 0, 9, 9]}]}, 422),
        ({"decision": "pass", "reason": "x"}, 409),
    ],
)
def test_nothing_is_overruled_when_the_request_is_no_good(
    operator: httpx.Client, body: dict[str, object], status: int
) -> None:
    inspection_id = _inspected(operator, None)
    answer = operator.post(f"/api/v1/inspect/{inspection_id}/overrule", json=body)
    assert answer.status_code == status
    assert operator.get(f"/api/v1/inspect/{inspection_id}").json()["overruled_to"] is None


def test_overruling_is_refused_when_nobody_may_or_nothing_is_there(operator: httpx.Client) -> None:
    inspection_id = _inspected(operator, None)
    assert _overrule(operator, "none", "fail").status_code == 404
    operator.headers.update(bearer(log_in(operator, "viewer")))
    assert _overrule(operator, inspection_id, "fail").status_code == 403


def test_list_holds_what_fits_when_it_is_filtered(operator: httpx.Client) -> None:
    for number, colour in enumerate(("red", "blue", None)):
        _inspected(operator, colour, part_id=f"A_{number}", station_id="line-1")  # type: ignore[arg-type]
    _inspected(operator, None, part_id="AB1", station_id="line-2")
    newest = operator.get("/api/v1/inspections").json()["inspections"][0]["created_at"]

    def parts(**query: str) -> set[str]:
        answer = operator.get("/api/v1/inspections", params=query).json()
        found = {one["part_id"] for one in answer["inspections"]}
        assert answer["total"] == len(found)
        return found

    assert parts(class_name="dent") == {"A_1"}
    assert parts(part="A_") == {"A_0", "A_1", "A_2"}  # an underscore is no wildcard
    assert parts(until=newest) == {"A_0", "A_1", "A_2"}
    assert parts(since=newest) == {"AB1"}
    assert parts(since=newest, part="A_") == set()
    assert len(parts(model_version="1")) == 4
    assert parts(model_version="2") == set()
    assert operator.get("/api/v1/inspections", params={"since": "yesterday"}).status_code == 422


def test_verdict_that_holds_is_a_persons_when_one_was_given(operator: httpx.Client) -> None:
    passed, failed, escape, overkill = (_inspected(operator, colour) for colour in (None, "red", None, "red"))
    before = operator.get("/api/v1/statistics").json()["effective"]
    assert (before["passed"], before["failed"], before["overruled"]) == (2, 2, 0)
    _overrule(operator, escape, "fail")
    _overrule(operator, overkill, "pass")
    _overrule(operator, passed, "fail")
    _overrule(operator, passed, "pass")  # and back

    def ids(**query: str) -> set[str]:
        answer = operator.get("/api/v1/inspections", params=query).json()
        assert answer["total"] == len(answer["inspections"])
        return {one["id"] for one in answer["inspections"]}

    assert ids(effective_decision="pass") == {passed, overkill}
    assert ids(effective_decision="fail") == {failed, escape}
    assert ids(effective_decision="fail", decision="pass") == {escape}
    assert ids(decision="fail") == {failed, overkill}  # the reference's parameter stays the model's verdict
    figures = operator.get("/api/v1/statistics").json()
    assert (figures["passed"], figures["failed"]) == (2, 2)
    assert figures["effective"] == {"passed": 2, "failed": 2, "uncertain": 0, "pass_rate": 0.5, "overruled": 2}
    _overrule(operator, failed, "pass")
    assert operator.get("/api/v1/statistics").json()["effective"]["pass_rate"] == 0.75


def test_verdict_that_holds_is_found_by_index_when_listed(database: Database) -> None:
    query = select(Inspection.id).where(*repository.conditions_of(InspectionFilter(effective_decision="fail")))
    query = query.order_by(col(Inspection.created_at).desc()).limit(50)
    engine = database.engine
    compiled = query.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})
    with engine.connect() as connection:
        plan = [str(row[-1]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}")]
    assert plan == ["SEARCH inspections USING INDEX ix_inspections_effective (<expr>=?)"]

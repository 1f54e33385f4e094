"""Questions that a language model answers by our tools, and answers that are let through only with a ground."""

import base64
import json
import threading
from typing import Any

import httpx
import pytest

from serving.query import service
from serving.query.conversation import MOST_CALLS, MOST_PICTURES, MOST_TURNS
from serving.query.refusal import NOT_IN_DATA
from tests.contracts.reference import as_documented
from tests.serving.api_keys.test_limits import make_key
from tests.serving.conftest import bearer, log_in
from tests.serving.query.conftest import QUESTION, AskedPlant
from tests.serving.query.fake_service import KEY, Reply, call, gives, names_of, results_in, says, text

_COUNT = call("count_defects", period="this week", station="Station 3", defect_class="scratches")
_GOOD = gives("defects_of_class", "inspections")


def test_answer_carries_what_it_rests_on_when_tools_were_called(plant: AskedPlant) -> None:
    plant.fake.will(says(_COUNT), says(_GOOD))
    answer = as_documented(plant.ask())
    assert (answer["question"], answer["backend"]) == (QUESTION, "anthropic")
    told = '17 defects of class "scratch", 14 inspections at station "line-3", this week ('
    assert answer["answer"].startswith(told)
    assert answer["answer"].endswith(", UTC).")
    assert answer["answered"] is True
    assert [row["values"]["defects_of_class"] for row in answer["figures"]] == [17]
    wanted = answer["filters"][0]["values"]
    assert (wanted["station"], wanted["period"], wanted["defect_class"]) == ("line-3", "this week", "scratch")
    first, second = plant.fake.requests
    assert first["messages"] == [{"role": "user", "content": QUESTION}]
    assert first["model"] == plant.settings.vlm_model
    result = json.loads(results_in(second)[0]["content"][0]["text"])
    assert (result["result"], result["defects_of_class"]) == (1, 17)
    assert plant.fake.paths == ["/v1/messages"] * 2
    assert KEY in " ".join(plant.fake.headers[0].values())


def test_picture_goes_along_made_smaller_when_the_model_looks_at_it(plant: AskedPlant) -> None:
    plant.fake.will(
        says(call("list_inspections", period="today", station="line-3", decision="fail", limit=1)),
        says(call("look_at_picture", inspection_id=plant.inspected_id)),
        says(gives("decision", result=2, remark="A dark scratch near the centre.")),
    )
    answer = plant.ask("What does the newest failure look like?").json()
    assert answer["answered"] is True
    assert answer["answer"].endswith('The language model says of the picture: "A dark scratch near the centre."')
    assert f'inspection id "{plant.inspected_id}"' not in answer["answer"]  # nobody chose it
    assert answer["inspection_ids"] == [plant.inspected_id]
    image = results_in(plant.fake.requests[-1])[0]["content"][1]
    assert image["source"]["media_type"] == "image/jpeg"
    assert base64.b64decode(image["source"]["data"]).startswith(b"\xff\xd8\xff")


def test_pictures_and_calls_end_when_the_budget_is_used_up(plant: AskedPlant) -> None:
    look = says(*(call("look_at_picture", n, inspection_id=plant.inspected_id) for n in range(MOST_CALLS + 4)))
    plant.fake.will(look, says(text(NOT_IN_DATA)))
    assert plant.ask().json()["answered"] is False
    results = results_in(plant.fake.requests[-1])
    assert len(results) == MOST_CALLS + 4
    assert sum(not result.get("is_error") for result in results) == MOST_PICTURES
    assert plant.fake.requests[-1]["tool_choice"] == {"type": "tool", "name": "give_answer"}


@pytest.mark.parametrize(
    "invented",
    [
        text('17 scratches were detected at station "line-3".'),  # true, but in words of its own
        text("18 scratches were detected."),
        text(""),
        gives("defects_of_klass"),
        gives("failed"),  # a figure of another tool
        gives("defects_of_class", result=2),
        gives("rows.0"),
        gives("by_class.0"),
        gives("__class__"),
        gives("defects_of_class", remark="A scratch."),  # nobody looked at a picture
        call("give_answer", 99, facts=[{"result": 1, "figures": ["defects_of_class"], "value": 18}]),
        call("give_answer", 99, facts="17 scratches"),
        call("give_answer", 99, answer="17 scratches"),
    ],
)
def test_answer_is_refused_when_it_still_names_what_no_tool_gave(plant: AskedPlant, invented: dict[str, Any]) -> None:
    plant.fake.will(says(_COUNT), says(invented), says(invented))
    answer = plant.ask().json()
    assert (answer["answered"], answer["answer"]) == (False, NOT_IN_DATA)
    assert len(plant.fake.requests) == 3
    assert plant.fake.requests[-1]["messages"][-1]["role"] == "user"


@pytest.mark.parametrize(
    "remark", ["18 scratches.", "Eighteen scratches", "No scratch.", "Most parts fail.", "www.x.y"]
)
def test_remark_is_refused_when_it_could_be_taken_for_a_figure(plant: AskedPlant, remark: str) -> None:
    look = says(call("look_at_picture", inspection_id=plant.inspected_id))
    plant.fake.will(look, says(gives(remark=remark)))
    assert plant.ask().json()["answer"] == NOT_IN_DATA


def test_figure_says_what_it_is_when_the_model_takes_it_for_another(plant: AskedPlant) -> None:
    """Asked for passed parts of line-3, a model that chooses failed ones of line-1 cannot pass them off."""
    plant.fake.will(says(call("count_inspections", period="today", station="line-1")), says(gives("failed")))
    answer = plant.ask("How many parts passed at line-3 this week?").json()
    assert answer["answer"].startswith('0 failed at station "line-1", today (')


def test_answer_is_let_through_when_it_was_corrected(plant: AskedPlant) -> None:
    plant.fake.will(says(_COUNT), says(gives("defect")), says(_GOOD))
    assert plant.ask().json()["answer"].startswith("17 defects")
    (result,) = results_in(plant.fake.requests[-1])
    assert (result["tool_use_id"], result["is_error"]) == ("toolu_99", True)
    assert "'defect'" in result["content"]
    plant.fake.will(says(_COUNT), says(text("There were 17.")), says(_GOOD))
    assert plant.ask().json()["answer"].startswith("17 defects")


def test_calls_beside_an_answer_are_not_made_when_it_is_corrected(plant: AskedPlant) -> None:
    plant.fake.will(says(_COUNT), says(call("list_stations", 5), gives("defect")), says(_GOOD))
    answer = plant.ask().json()
    assert [row["tool"] for row in answer["figures"]] == ["count_defects"]
    assert [result["tool_use_id"] for result in results_in(plant.fake.requests[-1])] == ["toolu_5", "toolu_99"]


def test_answer_is_refused_when_nothing_was_looked_up(plant: AskedPlant) -> None:
    plant.fake.will(says(text("All is well.")))
    answer = plant.ask().json()
    assert (answer["answered"], answer["figures"]) == (False, [])


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b'{"error": {"type": "overloaded_error"}}', 529),
        Reply(b'{"error": "slow down"}', 429, {"Retry-After": "60"}),
        Reply(f'{{"error": "bad key {KEY}"}}'.encode(), 401),
        Reply(b"<html>", 200),
        Reply(b"{}", 200),
        Reply(b"[" * 100_000, 200),
        Reply(b'{"content": null}', 200),
        Reply(b'{"content": [{"type": "server_tool_use", "id": "x", "name": "bash", "input": {}}]}', 200),
        Reply(b'{"content": [{"type": "tool_use", "id": "../../x", "name": "count_defects", "input": {}}]}', 200),
        Reply(b'{"content": [{"type": "tool_use", "id": "x", "name": "count_defects", "input": "DROP"}]}', 200),
        Reply(b'{"content": [{"type": "text", "text": "' + b"a" * 2_000_000 + b'"}]}', 200),
        Reply(b"", 302, {"Location": "/elsewhere"}),
        Reply(b"x", 200, {"Content-Encoding": "gzip"}),
        Reply(b"", 500),
    ],
)
def test_unavailable_when_the_service_fails(
    plant: AskedPlant, reply: Reply, capsys: pytest.CaptureFixture[str]
) -> None:
    plant.fake.will(reply)
    answer = plant.ask()
    assert (answer.status_code, answer.json()["code"]) == (503, "query_unavailable")
    logged = capsys.readouterr().out
    assert '"event": "question"' in logged
    assert KEY not in answer.text + logged
    assert len(plant.fake.paths) == 1  # not tried again, and not followed elsewhere


def test_unavailable_when_tools_are_called_without_end(plant: AskedPlant) -> None:
    plant.fake.will(says(call("list_stations")))
    answer = plant.ask()
    assert (answer.status_code, answer.json()["code"]) == (503, "query_unavailable")
    assert len(plant.fake.requests) == MOST_TURNS


def test_talk_ends_when_the_tokens_are_spent(plant: AskedPlant) -> None:
    plant.fake.will(says(call("list_stations"), tokens=10**9))
    assert plant.ask().status_code == 503
    assert len(plant.fake.requests) == 2


def test_unavailable_when_the_service_is_late(plant: AskedPlant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "TIMEOUT_S", 0.3)
    released = threading.Event()

    def wait(_request: dict[str, Any]) -> Reply:
        released.wait(30)
        return says(text(NOT_IN_DATA))

    plant.fake.script = wait
    try:
        answer = plant.ask()
    finally:
        released.set()
    assert (answer.status_code, answer.json()["detail"]) == (503, "no answer within 0.3 s")


def test_other_stations_are_not_seen_when_the_key_names_some(plant: AskedPlant) -> None:
    secret = make_key(plant.database, stations=["line-1"])[1]
    plant.fake.will(
        says(
            call("count_inspections", 0, period="this week"),
            call("count_inspections", 1, period="this week", station="line-3"),
            call("list_inspections", 2, period="this week"),
            call("look_at_picture", 3, inspection_id=plant.inspected_id),
            call("list_model_versions", 4),
            call("list_stations", 5),
            call("break_down", 6, period="this week", by="part"),
            call("trend", 7, period="this week"),
        ),
        says(gives("inspections")),
    )
    with httpx.Client(base_url=plant.client.base_url, trust_env=False, timeout=20) as client:
        answer = client.post("/api/v1/query", json={"question": "all?"}, headers={"X-API-Key": secret})
    assert answer.json()["answered"] is True
    told = json.dumps(results_in(plant.fake.requests[-1])).replace("there is no station 'line-3'", "")
    assert "line-3" not in told
    assert "press" not in told
    counted, *_ = answer.json()["figures"]
    assert counted["values"]["inspections"] == 23
    errors = [bool(result.get("is_error")) for result in results_in(plant.fake.requests[-1])]
    assert errors == [False, True, False, True, True, False, False, False]
    assert "list_model_versions" not in names_of(plant.fake.requests[0]["tools"])


def test_question_is_in_the_audit_log_without_the_key_when_asked(plant: AskedPlant) -> None:
    plant.fake.will(says(_COUNT), says(_GOOD))
    assert plant.ask(f"Is {KEY} or sk-ant-another-key good?").status_code == 200
    admin = bearer(log_in(plant.client, "admin"))
    entry = plant.client.get("/api/v1/audit", params={"action": "query.asked"}, headers=admin).json()["entries"][0]
    assert entry["actor"]["name"] == "viewer"
    assert entry["after"]["tools"] == ["count_defects"]
    assert entry["after"]["question"] == "Is *** or *** good?"


@pytest.mark.parametrize("question", ["", "  ", "x" * 501, None, 7])
def test_question_is_refused_when_it_is_no_question(plant: AskedPlant, question: Any) -> None:
    assert plant.client.post("/api/v1/query", json={"question": question}).status_code == 422
    assert plant.fake.requests == []

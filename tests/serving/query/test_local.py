"""Common questions, answered without a language model: the right figure, or a refusal that says what can be asked."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from registry.local_store import LocalStore
from serving.app import create_app
from serving.audit.actor import PLATFORM
from serving.auth.principal import Principal
from serving.database import Database, open_database
from serving.errors import QueryUnavailable
from serving.live import LiveInspector
from serving.metrics.registry import Metrics
from serving.model_versions.switch import ModelSwitch
from serving.query.local_answer import answer_locally
from serving.query.local_question import EXAMPLES
from serving.query.refusal import NOT_IN_DATA
from serving.query.service import Questions
from serving.query.sources import Sources
from serving.query.tools import Toolbox
from serving.settings import Settings
from serving.statistics.service import Statistics
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part, Past
from tests.serving.query.conftest import settings_of
from tests.serving.server import serve

_NOW = datetime(2026, 6, 10, 12, 7, 30, tzinfo=UTC)  # a Wednesday
_VIEWER = Principal("u", "u", frozenset({"viewer"}), "s")


def _past(database: Database) -> None:
    hour = timedelta(hours=1)
    Past(database).store(
        *(Part(_NOW - (3 + i) * hour, "fail", "line-3", f"p{i}", defects=[("scratch", 1.0)]) for i in range(17)),
        *(Part(_NOW - (1 + i) * hour, "pass", "line-1") for i in range(40)),
        *(Part(_NOW - (1 + i) * hour, "uncertain", "Presse_2", defects=[("dent", None)]) for i in range(5)),
    )


@pytest.fixture(scope="module")
def sources(prepared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """A plant that stands still on a Wednesday."""
    data_dir = tmp_path_factory.mktemp("local") / "var"
    shutil.copytree(prepared_data_dir, data_dir)
    settings = settings_of(data_dir)
    database = open_database(settings)
    _past(database)
    live = LiveInspector(settings, database)
    switch = ModelSwitch(
        live, database, Metrics(), store=LocalStore(settings.bundles_dir), registry_url="http://127.0.0.1:1"
    )
    yield Sources(
        settings, database, Statistics(database, lambda: ZoneInfo("UTC"), lambda: _NOW), live, switch, lambda: _NOW
    )
    switch.close()
    live.camera.close()
    database.close()


def test_figures_are_right_when_common_questions_are_asked(sources: Sources) -> None:
    toolbox = Toolbox(sources, _VIEWER)
    expected = {
        "How many scratches were found at Station 3 this week?": '17 scratches were detected at station "line-3"',
        "how many SCRATCHES at line-3 in the past 7 days": "17 scratches were detected",
        "How many parts failed yesterday?": "7 inspections failed yesterday",
        "How many parts were inspected today?": "27 inspections were made today: 12 passed, 10 failed, 5 uncertain",
        "What is the pass rate today?": "The pass rate was 44.44 % today",
        "What's the first-pass yield at line-1 in the last 24 hours?": "yield was 100 %",
        "What is the uncertain rate at station presse_2 this week?": "The uncertain rate was 100 %",
        "What percentage of parts failed at line 3 past week?": "The fail rate was 100 %",
        "What are the top 3 defects in the last 7 days?": '"scratch" 17 (77.27 %), "dent" 5 (22.73 %)',
        "breakdown of defects by class this month": '"scratch" 17 (77.27 %)',
        "How many dents between 2026-06-01 and 2026-06-10?": "5 dents were detected from 2026-06-01 to 2026-06-10",
        "How many defects on 2026-06-09?": "7 defects were detected on 2026-06-09",
        "Which station has the highest fail rate this week?": 'first, over the last 7 days: "line-3" 100 %',
        "Which station has the most scratches this week?": '"line-3" 17 scratches; "Presse_2" 0 scratches',
        "pass rate per station last 3 days": '"line-1" 100 %; "Presse_2" 0 %; "line-3" 0 %',
        "Compare the pass rate of today with yesterday": "44.44 % today, less than 77.42 % yesterday",
        "Is the pass rate higher today than yesterday?": "44.44 % today, less than 77.42 % yesterday",
        "Compare line-1 and line-3 by fail rate this week": '0 % at station "line-1"',
        "average inspection time this week": "The mean time of an inspection was 10 ms",
        "Show the last 5 failed inspections": "5 of 17 inspections over the last 30 days",
        "Which parts failed most this week?": '"p0" 1 of 1',
        "How many open alerts are there?": "No alerts are open.",
    }
    for question, part in expected.items():
        text, findings = answer_locally(question, toolbox)
        assert part in text, (question, text)
        assert findings, question
        given = json.dumps([[finding.values, finding.filters] for finding in findings])
        counted = re.sub(r"last \d+ days", "", text)  # "this week" means the last 7 days
        assert set(re.findall(r"\d+(?:\.\d+)?", counted)) <= set(re.findall(r"\d+(?:\.\d+)?", given.replace(".0", "")))


def test_every_example_is_understood_when_asked(sources: Sources) -> None:
    for question in EXAMPLES:
        text, findings = answer_locally(question, Toolbox(sources, _VIEWER))
        assert findings, (question, text)


@pytest.mark.parametrize(
    "question",
    [
        "How many scratches did Bob miss?",
        "How many parts not failed today?",
        "How many failures since yesterday?",
        "How many scratches and dents this week?",
        "Did more parts pass than fail today?",
        "How many parts failed on night shift?",
        "Compare the pass rate",
        "How many scratches today, yesterday and last week?",
        "What is the pass rate of scratches today?",
        "Which station has the best?",
        "How many failed defects today?",
        "How many alerts at line-3?",
        "Fasse die Lage zusammen",
        "DROP TABLE inspections; --",
        "'; DELETE FROM users; --",
        "hello",
        "?",
    ],
)
def test_question_is_refused_with_examples_when_it_is_not_understood(sources: Sources, question: str) -> None:
    text, findings = answer_locally(question, Toolbox(sources, _VIEWER))
    assert findings == []
    assert text.startswith("I do not understand that question")
    assert EXAMPLES[0] in text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("How many scratches at station 9?", "There is no station 'station 9'. Stations: Presse_2, line-1, line-3"),
        ("What is the pass rate on 2020-01-01?", "No inspection on 2020-01-01."),
        ("Compare the pass rate of 2020-01-01 with today", "There is nothing to compare with"),
    ],
)
def test_it_is_said_that_it_is_not_in_the_data_when_it_is_not(sources: Sources, question: str, said: str) -> None:
    text, findings = answer_locally(question, Toolbox(sources, _VIEWER))
    assert findings == []
    assert text.startswith(f"{NOT_IN_DATA} {said}")


def test_zero_is_told_as_such_when_nothing_was_inspected(sources: Sources) -> None:
    text, findings = answer_locally("How many scratches on 2020-01-01?", Toolbox(sources, _VIEWER))
    assert text == "0 scratches were detected on 2020-01-01. Nothing was inspected in that time."
    assert len(findings) == 1


def test_only_own_stations_are_counted_when_the_caller_has_some(sources: Sources) -> None:
    toolbox = Toolbox(sources, Principal("k", "k", frozenset({"viewer"}), "", "api_key", frozenset({"line-1"})))
    assert answer_locally("How many parts were inspected this week?", toolbox)[0].startswith("40 inspections")
    assert "Stations: line-1" in answer_locally("How many parts failed at station 3?", toolbox)[0]
    assert answer_locally("Which model version is deployed?", toolbox)[1] == []


def test_days_are_those_of_the_plant_when_it_has_a_time_zone(sources: Sources) -> None:
    tokyo = ZoneInfo("Asia/Tokyo")  # 21:07 there, today began at 15:00 UTC
    statistics = Statistics(sources.database, lambda: tokyo, lambda: _NOW)
    here = Toolbox(replace(sources, statistics=statistics), _VIEWER)
    text, findings = answer_locally("How many parts passed today?", here)
    assert text.startswith("21 inspections passed today")
    assert findings[0].filters["since"] == "2026-06-10 00:00"


async def test_unavailable_when_there_is_no_key(sources: Sources) -> None:
    asked = replace(sources, settings=sources.settings.model_copy(update={"vlm_enabled": True}))
    questions = Questions(asked, Metrics())
    with pytest.raises(QueryUnavailable, match="ANTHROPIC_API_KEY"):
        await questions.answer(_VIEWER, PLATFORM, "How many parts failed today?")
    await questions.close()


@pytest.mark.parametrize(
    ("more", "status", "expected"),
    [
        ({"vlm_enabled": False}, 503, "query_disabled"),
        ({"vlm_enabled": True, "vlm_backend": "local"}, 200, "local"),
    ],
)
def test_settings_decide_when_a_question_is_asked(
    settings: Settings, more: dict[str, Any], status: int, expected: str
) -> None:
    app = create_app(settings.model_copy(update={**more, "rate_limit_default": "8/minute"}))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        viewer = bearer(log_in(client, "viewer"))
        answer = client.post("/api/v1/query", json={"question": "How many parts failed today?"}, headers=viewer)
        assert answer.status_code == status
        assert expected in {answer.json().get("code"), answer.json().get("backend")}
        assert client.post("/api/v1/query", json={"question": "x"}).status_code == 401
        statuses = [client.post("/api/v1/query", json={"question": "x"}, headers=viewer).status_code for _ in range(9)]
        assert statuses[-1] == 429
        text = client.get("/metrics", headers={"Authorization": ""}).text
    assert ('ussop_questions_total{backend="local",outcome="answered"} 1.0' in text) == (status == 200)

"""Alerts are raised by the parts of a station, once, and end when the cause is gone."""

import random
import shutil
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
from fastapi import FastAPI
from pydantic import ValidationError

from serving.alerts.opcua import report_opcua
from serving.alerts.rules import AlertRules, StationRules
from serving.alerts.watch import RuleWatch
from serving.app import create_app
from serving.database import Database
from serving.metrics.registry import Metrics
from serving.settings import Settings
from tests.serving.alerts.line import add_parts, all_alerts, open_alerts
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.waiting import wait_until

_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class _Line:
    """The watch of one line, whose clock and rules the test sets."""

    def __init__(self, database: Database) -> None:
        self.rules, self.now = AlertRules(), _NOON
        self.watch = RuleWatch(database, Metrics(), lambda: self.rules, lambda: self.now)


@pytest.fixture
def line(database: Database) -> _Line:
    """A watch that looks when it is told to."""
    return _Line(database)


def test_pass_rate_is_told_once_and_ends_when_it_recovers(database: Database, line: _Line) -> None:
    add_parts(database, ["pass"] * 87 + ["fail"] * 9 + ["uncertain"] * 4, _NOON)
    line.watch.look()
    line.watch.look()
    alert = open_alerts(database)["pass_rate:line-1"]
    assert (alert.severity, alert.title, alert.station_id) == ("warning", "Pass rate below threshold", "line-1")
    assert alert.message.startswith("Pass rate 87% is below the 90% target")
    assert (alert.code, alert.params["percent"], alert.params["target_percent"]) == ("pass_rate_low", 87.0, 90.0)
    assert alert.occurrences == 1
    line.now = _NOON + timedelta(hours=2)
    add_parts(database, ["pass"] * 60, line.now)
    line.watch.look()
    assert open_alerts(database) == {}
    assert [alert.dedupe_key for alert in all_alerts(database)] == ["pass_rate:line-1"]


def test_nothing_is_said_when_parts_are_too_few_or_stop(database: Database, line: _Line) -> None:
    add_parts(database, ["fail"] * 49, _NOON)
    line.watch.look()
    assert open_alerts(database) == {}
    add_parts(database, ["fail"], _NOON + timedelta(seconds=1))
    line.now = _NOON + timedelta(seconds=1)
    line.watch.look()
    assert list(open_alerts(database)) == ["pass_rate:line-1"]
    line.now = _NOON + timedelta(minutes=59)
    add_parts(database, ["pass"], line.now)
    line.watch.look()
    assert list(open_alerts(database)) == ["pass_rate:line-1"]  # a line that stands for a while is no better line


def test_alert_ends_and_says_why_when_its_parts_are_long_past(database: Database, line: _Line) -> None:
    add_parts(database, ["fail"] * 50, _NOON)
    line.watch.look()
    line.now = _NOON + timedelta(minutes=61)
    line.watch.look()  # no part has come since
    (old,) = all_alerts(database)
    assert old.resolved_at == line.now
    assert not old.acknowledged  # it stays among those that nobody has seen
    assert old.message.startswith("Pass rate 0% is below the 90% target")
    assert old.message.endswith(". Ended without a new judgement: 0 parts in 60 min, and 50 are needed")
    assert (old.ended_code, old.params["ended_parts"], old.params["ended_needed"]) == ("too_few_parts", 0, 50)
    line.now = _NOON + timedelta(hours=20)
    add_parts(database, ["fail"] * 50, line.now)
    line.watch.look()  # the next shift is told anew
    assert [alert.occurrences for alert in all_alerts(database)] == [1, 1]
    assert list(open_alerts(database)) == ["pass_rate:line-1"]
    for minutes in (30, 70, 95):  # a trickle of parts; it is found at half past for the last time
        line.now = _NOON + timedelta(hours=20, minutes=minutes)
        add_parts(database, ["pass"] * 5, line.now)
        line.watch.look()
        assert bool(open_alerts(database)) == (minutes < 90)


def test_chart_alert_ends_when_rejects_have_become_too_rare_to_chart(database: Database, line: _Line) -> None:
    line.rules = AlertRules(pass_rate_target_percent=0, drift=False, control_chart_parts=20)
    add_parts(database, (["fail"] + ["pass"] * 3) * 160 + ["fail"] * 20, _NOON)
    line.watch.look()
    assert list(open_alerts(database)) == ["control_chart:line-1"]
    line.now = _NOON + timedelta(hours=2)
    add_parts(database, ["pass"] * 700, line.now)
    line.watch.look()
    assert open_alerts(database) == {}
    (ended,) = all_alerts(database)
    assert ended.message.endswith("rejects, or passes, are too rare for a p-chart")


def test_stations_have_rules_of_their_own_when_set(database: Database, line: _Line) -> None:
    for station_id in ("line-1", "line-2"):
        add_parts(database, ["pass"] * 80 + ["fail"] * 20, _NOON, station_id=station_id)
    line.rules = AlertRules(station_rules={"line-2": StationRules(pass_rate_target_percent=75.0)})
    line.watch.look()
    assert list(open_alerts(database)) == ["pass_rate:line-1"]
    line.rules = AlertRules(pass_rate_target_percent=0)
    line.watch.look()  # new rules are judged without a new part
    assert open_alerts(database) == {}
    with pytest.raises(ValidationError):
        AlertRules.model_validate({"station_rules": {"line 1": {}}})


def test_slow_line_and_slow_inspection_are_told_apart_when_above_takt(database: Database, line: _Line) -> None:
    line.rules = AlertRules(takt_s=1.0)
    add_parts(database, ["pass"] * 100, _NOON, station_id="slow-line", gap_s=1.5)
    add_parts(database, ["pass"] * 100, _NOON, station_id="slow-model", gap_s=1.0, total_time_ms=1200.0)
    line.watch.look()
    assert {key: alert.severity for key, alert in open_alerts(database).items()} == {
        "cycle_time:slow-line": "warning",
        "inspection_time:slow-model": "error",
    }
    line.watch.look()
    line.now = _NOON + timedelta(hours=2)
    for station_id in ("slow-line", "slow-model"):
        add_parts(database, ["pass"] * 100, line.now, station_id=station_id, gap_s=0.9)
    line.watch.look()
    assert open_alerts(database) == {}
    assert [alert.occurrences for alert in all_alerts(database)] == [1, 1]


def test_chart_signals_when_a_subgroup_leaps_and_ends_when_it_settles(database: Database, line: _Line) -> None:
    line.rules = AlertRules(pass_rate_target_percent=0, drift=False)
    steady = (["fail"] + ["pass"] * 9) * 165  # 33 subgroups of 50 parts, of which 5 are rejected
    add_parts(database, steady, _NOON)
    line.watch.look()
    assert open_alerts(database) == {}
    line.now = _NOON + timedelta(minutes=10)
    add_parts(database, ["fail"] * 15 + ["pass"] * 35, line.now)  # 30 %: 4.7 sigma above
    line.watch.look()
    alert = open_alerts(database)["control_chart:line-1"]
    assert (alert.severity, alert.title) == ("error", "More rejects than usual")
    assert (
        "one point beyond 3 sigma above the centre line (rule 1; newest 30.0% rejected, centre 10.0%" in alert.message
    )
    line.now = _NOON + timedelta(minutes=20)
    add_parts(database, (["fail"] + ["pass"] * 9) * 5, line.now)
    line.watch.look()
    assert open_alerts(database) == {}


def test_chart_is_silent_when_a_subgroup_is_not_full(database: Database, line: _Line) -> None:
    line.rules = AlertRules(pass_rate_target_percent=0, drift=False)
    add_parts(database, (["fail"] + ["pass"] * 9) * 165, _NOON)
    line.now = _NOON + timedelta(minutes=10)
    add_parts(database, ["fail"] * 30, line.now)
    line.watch.look()
    assert open_alerts(database) == {}


def test_drift_is_told_when_scores_and_classes_move(database: Database, line: _Line) -> None:
    chance = random.Random(4)  # noqa: S311 - a simulation
    line.rules = AlertRules(pass_rate_target_percent=0, control_chart=False, drift_parts=200)
    scores = [chance.betavariate(8, 2) for _ in range(800)]
    add_parts(database, ["fail"] * 800, _NOON, scores=scores, classes=["scratch", "dent"] * 400)
    line.now = _NOON + timedelta(hours=1)
    moved = [chance.betavariate(3, 3) for _ in range(200)]
    add_parts(database, ["fail"] * 200, line.now, scores=moved, classes=["dent"] * 200)
    line.watch.look()
    assert set(open_alerts(database)) == {"score_drift:line-1", "class_drift:line-1"}
    line.rules = line.rules.model_copy(update={"drift_psi": 5.0})
    line.watch.look()  # new limits are judged at once, though the parts were looked at a moment ago
    assert open_alerts(database) == {}
    line.rules = line.rules.model_copy(update={"drift_psi": 0.25})
    line.watch.look()
    assert len(open_alerts(database)) == 2
    line.now = _NOON + timedelta(hours=2)
    both = [chance.betavariate(3, 3) for _ in range(1000)]
    add_parts(database, ["fail"] * 1000, line.now, scores=both, classes=["dent"] * 1000)
    line.watch.look()  # what was new is what is usual now
    assert open_alerts(database) == {}


def test_opcua_alert_lasts_when_the_server_stays_down(database: Database) -> None:
    for problem in ("connection refused", "connection refused"):
        database.write(lambda session, why=problem: report_opcua(session, why)).result(timeout=20)  # type: ignore[misc]
    assert open_alerts(database)["opcua:down"].occurrences == 2
    database.write(lambda session: report_opcua(session, None)).result(timeout=20)
    assert open_alerts(database) == {}


def test_missing_model_is_told_and_ends_when_one_is_there(settings: Settings) -> None:
    kept = settings.bundles_dir.with_name("kept")
    settings.bundles_dir.rename(kept)

    def has_titles(client: httpx.Client, wanted: list[str]) -> bool:
        alerts = client.get("/api/v1/alerts", params={"severity": "critical"}).json()["alerts"]
        return [alert["title"] for alert in alerts if alert["resolved_at"] is None] == wanted

    for is_there in (False, True):
        if is_there:
            shutil.rmtree(settings.bundles_dir, ignore_errors=True)
            kept.rename(settings.bundles_dir)
        with serve(create_app(settings)) as base_url, httpx.Client(base_url=base_url, timeout=20) as client:
            client.headers.update(bearer(log_in(client, "viewer")))
            wanted = [] if is_there else ["No model in use"]
            wait_until(partial(has_titles, client, wanted), f"alerts: {wanted}")


def test_alert_is_listed_when_the_running_platform_judges(
    app: FastAPI, client: httpx.Client, viewer_token: str
) -> None:
    add_parts(app.state.platform.database, ["pass"] * 40 + ["fail"] * 60, datetime.now(UTC), gap_s=0.5)

    def listed() -> list[dict[str, object]]:
        response = client.get("/api/v1/alerts", params={"severity": "warning"}, headers=bearer(viewer_token))
        alerts: list[dict[str, object]] = response.json()["alerts"]
        return alerts

    wait_until(listed, "the alert of the pass rate")
    (alert,) = listed()
    assert str(alert["message"]).startswith("Pass rate 40% is below the 90% target")

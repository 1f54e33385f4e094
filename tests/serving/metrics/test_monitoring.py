"""Dashboards and rules ask only for what there is: each expression is compared with a scrape of a running platform."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.metrics.promql import names_in
from tests.serving.server import serve

_ROOT: Final = Path(__file__).resolve().parents[3]
_BOARDS: Final = _ROOT / "dashboards" / "grafana" / "dashboards"
_PROMETHEUS: Final = _ROOT / "dashboards" / "prometheus"
_OF_PROMETHEUS: Final = {"job", "instance"}  # every scraped series gets them
Known = dict[str, dict[str, set[str]]]


@pytest.fixture
def scraped(app: FastAPI) -> Known:
    """The values of each label of each metric, after one inspection of each kind and one that failed."""
    with serve(app) as url, httpx.Client(base_url=url, timeout=20.0, trust_env=False) as client:
        headers = bearer(log_in(client, "operator"))
        for data in (*(png_bytes(square_picture(colour)) for colour in (None, "red", "pale_red")), b"no picture"):
            form = {"station_id": "line-1"}
            client.post("/api/v1/inspect", files={"file": ("x", data)}, data=form, headers=headers)
        text = client.get("/metrics").text
        declared = {
            metric._name: set(metric._labelnames)
            for metric in app.state.platform.metrics.registry._collector_to_names
            if hasattr(metric, "_labelnames")
        }
    known: Known = {"up": {}}
    for family in text_string_to_metric_families(text):
        # A counter that has counted nothing has a name and labels all the same.
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        for suffix in suffixes:
            labels = declared.get(family.name, set()) | ({"le"} if suffix == "_bucket" else set())
            known[family.name + suffix] = {label: set() for label in labels}
        for sample in family.samples:
            for label, value in sample.labels.items():
                known.setdefault(sample.name, {}).setdefault(label, set()).add(value)
            known.setdefault(sample.name, {})
    assert {"pass", "fail", "uncertain"} == known["ussop_inspections_total"]["decision"]
    return known


def _rules() -> list[dict[str, Any]]:
    files = [yaml.safe_load((_PROMETHEUS / f"{kind}-rules.yml").read_text()) for kind in ("recording", "alert")]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def _boards() -> dict[str, dict[str, Any]]:
    return {path.name: json.loads(path.read_text()) for path in sorted(_BOARDS.glob("*.json"))}


def _job_name() -> str:
    scraping = yaml.safe_load((_PROMETHEUS / "prometheus.yml").read_text())["scrape_configs"]
    return str(scraping[0]["job_name"])


def _problems(expression: str, known: Known) -> Iterator[str]:
    named = names_in(expression)
    assert named.matched, expression
    for metric, matchers in named.matched.items():
        if metric not in known:
            yield f"there is no metric {metric}: {expression}"
            continue
        labels = known[metric]
        for label in {*matchers, *named.grouped} - labels.keys() - _OF_PROMETHEUS:
            yield f"{metric} has no label {label}: {expression}"
        for label, value in matchers.items():
            values = {_job_name()} if label == "job" else labels.get(label, set())
            if value is not None and values and value not in values:
                yield f"{label} of {metric} is never {value}: {expression}"


def test_names_are_found_when_an_expression_is_read() -> None:
    named = names_in('a{x="1",y=~"b.*"}[5m] / on (z) group_left () sum by (le) (rate(c:d_total[$__range])) > 0.5 or e')
    assert named.matched == {"a": {"x": "1", "y": None}, "c:d_total": {}, "e": {}}
    assert named.grouped == {"z", "le"}


def test_every_expression_names_what_there_is_when_compared_with_a_scrape(scraped: Known) -> None:
    problems: list[str] = []
    seen = 0
    for rule in _rules():
        problems += _problems(rule["expr"], scraped)
        named = names_in(rule["expr"])
        if "record" in rule:
            scraped[rule["record"]] = {label: set() for label in named.grouped - {"le"}}
        told = re.findall(r"\$labels\.(\w+)", json.dumps(rule.get("annotations", {})))
        problems += [f"{rule['alert']}: no label {label}" for label in set(told) - named.grouped - _OF_PROMETHEUS]
        seen += 1
    for name, board in _boards().items():
        for panel in board["panels"]:
            for target in panel["targets"]:
                problems += _problems(target["expr"], scraped)
                shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
                problems += [f"{name}: no label {label}" for label in shown - names_in(target["expr"]).grouped]
                seen += 1
        for annotation in board["annotations"]["list"]:
            problems += _problems(annotation["expr"], scraped)
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
                assert label in scraped[metric]
    assert problems == []
    assert seen > 50


def test_wrong_names_are_noticed_when_compared_with_a_scrape() -> None:
    known: Known = {"a_total": {"x": {"1"}}}
    wrong = ("b_total", 'a_total{y="1"}', 'a_total{x="2"}', "sum by (z) (a_total)", 'a_total{job="other"}')
    assert [len(list(_problems(expression, known))) for expression in wrong] == [1] * len(wrong)
    assert list(_problems('sum by (x) (rate(a_total{x="1"}[5m]))', known)) == []


def test_three_dashboards_can_be_provisioned_when_loaded() -> None:
    boards = _boards()
    assert set(boards) == {"line.json", "quality.json", "runtime.json"}
    assert len({board["uid"] for board in boards.values()}) == 3
    for board in boards.values():
        assert "id" not in board  # Grafana gives it
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))
        assert all(panel["title"] and panel["datasource"]["uid"] == "${datasource}" for panel in board["panels"])
        places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in board["panels"]}
        assert len(places) == len(ids)
    source = yaml.safe_load((_ROOT / "dashboards/grafana/provisioning/datasources/ussop.yml").read_text())
    assert source["datasources"][0]["type"] == "prometheus"


def test_rules_are_found_when_prometheus_reads_the_example() -> None:
    named = yaml.safe_load((_PROMETHEUS / "prometheus.yml").read_text())["rule_files"]
    assert all((_PROMETHEUS / name).is_file() for name in named)
    alerts = [rule["alert"] for rule in _rules() if "alert" in rule]
    assert len(alerts) == len(set(alerts)) >= 8

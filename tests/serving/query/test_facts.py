"""How figures are told: each with what it is a figure of."""

from typing import Any, Final

import pytest

from serving.query.facts import sentences_of
from serving.query.findings import Finding
from serving.query.refusal import NotInData
from serving.query.remark import unfounded

_WEEK: Final[dict[str, Any]] = {
    "period": "this week",
    "since": "2026-06-03 12:07",
    "until": "2026-06-10 12:07",
    "timezone": "UTC",
    "station": "line-3",
    "station_name": "Press",
}
_WHERE: Final = ' at station "line-3" ("Press"), this week (2026-06-03 12:07 to 2026-06-10 12:07, UTC)'
_TODAY: Final = _WEEK | {"period": "today", "since": "2026-06-10 00:00", "station": None, "station_name": None}
_ALL: Final = " at all stations that you may see, today (2026-06-10 00:00 to 2026-06-10 12:07, UTC)"
_COUNTS: Final = {"inspections": 1, "passed": 0, "failed": 1, "pass_rate_percent": 0.0, "mean_time_ms": None}


def _told(tool: str, filters: dict[str, Any], values: dict[str, Any], *figures: str) -> str:
    return sentences_of(Finding(tool, filters, values), figures)


def test_figures_are_told_with_station_and_period_when_counted() -> None:
    told = _told("count_inspections", _WEEK, _COUNTS, "inspections", "failed", "pass_rate_percent", "mean_time_ms")
    assert told == f"1 inspection, 1 failed, pass rate 0 %, mean time not known{_WHERE}."
    assert _told("count_inspections", _TODAY, _COUNTS, "passed", "passed") == f"0 passed{_ALL}."


def test_defects_are_told_with_their_class_when_counted() -> None:
    values: dict[str, Any] = {"defects": 31, "defects_of_class": 17, "share_percent": 54.84}
    told = _told("count_defects", _WEEK | {"defect_class": "a.b"}, values, "defects_of_class", "share_percent")
    assert told == f'17 defects of class "a.b", share of class "a.b" among all defects 54.84 %{_WHERE}.'
    values = {"by_class": {"a.b": 1, "dent": 14}, "share_percent": {"a.b": 6.67}}
    told = _told("count_defects", _WEEK, values, "by_class.a.b", "share_percent.a.b", "by_class")
    assert told == (
        f'1 defect of class "a.b", share of class "a.b" among the defects 6.67 %, 14 defects of class "dent"{_WHERE}.'
    )


def test_rows_are_told_with_their_name_when_listed() -> None:
    rows = [{"part": "A 99", **_COUNTS}, {"part": "B", "inspections": 2, "failed": 1}]
    told = _told("break_down", _TODAY | {"by": "part"}, {"parts": 2, "rows": rows}, "rows.0.failed", "rows.1", "parts")
    assert told == f'part "A 99": 1 failed, part "B": 2 inspections, part "B": 1 failed, parts 2{_ALL}.'
    alert = {"title": "Drift", "message": "PSI 0.30", "severity": "warning", "open": True}
    told = _told("list_alerts", {"severity": None, "only_open": True}, {"alerts": 1, "rows": [alert]}, "rows")
    assert told == (
        'title "Drift": message "PSI 0.30", title "Drift": severity "warning", title "Drift": open yes'
        " (looked for: only open yes)."
    )


def test_each_side_is_told_with_its_own_scope_when_two_are_compared() -> None:
    values = {"first": {"failed": 3}, "second": {"failed": 5}, "difference": {"failed": 2, "pass_rate_percent": -1.5}}
    both = {"first": _WEEK, "second": _TODAY}
    assert _told("compare", both, values, "first.failed", "second.failed") == f"3 failed{_WHERE}. 5 failed{_ALL}."
    assert _told("compare", both, values, "difference") == (
        f"+2 failed, pass rate -1.5 % (difference: second less first; first{_WHERE}; second{_ALL})."
    )


def test_name_stays_a_name_when_it_ends_its_quotation() -> None:
    part = {"part": 'A": 0 failed\n\u201d', "failed": 9}
    told = _told("break_down", _WEEK, {"rows": [part]}, "rows.0.failed")
    assert told == f"part \"A': 0 failed '\": 9 failed{_WHERE}."
    values = {"defects_of_class": 0, "share_percent": None}
    told = _told("count_defects", _WEEK | {"defect_class": "dent"}, values, "share_percent")
    assert told == f'share of class "dent" among all defects not known{_WHERE}.'


@pytest.mark.parametrize(
    "figure", ["", "x", "failed.x", "rows", "rows.7", "rows.-1", "failed.0", "__len__", ".", "a" * 999]
)
def test_figure_is_refused_when_it_is_not_there(figure: str) -> None:
    with pytest.raises(NotInData):
        _told("count_inspections", _WEEK, _COUNTS, figure or ".")


@pytest.mark.parametrize(
    "remark", ["A dark scratch near the centre.", "Am Rand sitzt ein heller Fleck.", "Nobody; no one."]
)
def test_remark_is_let_through_when_it_holds_no_figure(remark: str) -> None:
    assert unfounded(remark) == []


@pytest.mark.parametrize(
    "remark",
    [
        "2 scratches",
        "\uff12 scratches",
        "\u0661",
        "十八",
        "twelve",
        "Half of it",
        "no dent",
        "all good",
        "http://x",
        "<b>",
    ],
)
def test_remark_is_refused_when_it_holds_one_or_leads_elsewhere(remark: str) -> None:
    assert unfounded(remark) != []

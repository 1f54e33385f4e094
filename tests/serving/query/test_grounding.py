"""Which answers have a ground in what was found."""

import pytest

from serving.query.findings import Finding
from serving.query.grounding import Grounds

_FOUND = Finding(
    "count_defects",
    {"period": "last 7 days", "since": "2026-06-03 12:07", "until": "2026-06-10 12:07", "station": "line-3"},
    {
        "defects": 17,
        "inspections": 1420,
        "pass_rate_percent": 97.18,
        "difference": -3,
        "mean_time_ms": 312.4,
        "rows": [
            {"part": "P-0042", "confidence": 0.94},
            {"part": "17000 scratches", "confidence": 0.5},
            {"part": "4711", "at": "2026-06-09 08:15"},
        ],
        "message": "Pass rate 87% is below the 90% target",
    },
)


@pytest.mark.parametrize(
    "answer",
    [
        'There were 17 defects at station "line-3" over the last 7 days.',
        "17 defects in 1,420 inspections (97.18 %, about 97 %).",
        "Seventeen defects; 3 fewer than before.",
        "In the last 7 days, since 2026-06-03 12:07, line-3 took 312.4 ms, that is 312 ms, per part of 5 mm².".replace(
            " of 5 mm²", ""
        ),
        'Part "P-0042" was found with a confidence of 94 % on 2026-06-09 at 08:15.',
        'Part "4711" and part 4711.',
        'The part "17000 scratches" failed.',
        "The alert says 87 % is below the target of 90 %.",
        "Nobody was there; it is one of the parts, and no one looked.",
    ],
)
def test_answer_has_a_ground_when_all_it_says_was_found(answer: str) -> None:
    assert Grounds([_FOUND]).missing(answer) == []


@pytest.mark.parametrize(
    ("answer", "missing"),
    [
        ("There were 18 defects.", ["18"]),
        ("There were eighteen defects.", ["eighteen"]),
        ("There were one hundred and five.", ["one hundred and five"]),
        ("1421 inspections", ["1421"]),
        ("97.2 % or 97.19 %", ["97.19"]),
        ("17 %", ["17"]),
        ("17000 scratches were found.", ["17000"]),
        ("4711 scratches were found.", ["4711"]),
        ("7 scratches were found.", ["7"]),
        ("2026 scratches, 42 dents", ["2026", "42"]),
        ("There were \u0661\u0668 defects.", ["18"]),
        ("No defects were found.", ["No defects"]),
        ("No, none of them.", ["none"]),
        ("Half of them failed.", ["Half"]),
        ("Twelve-fold", ["Twelve"]),
        ("It is at www.example.invalid", ["www."]),
        ("<img src=x>", ["<i"]),
        ("\u2168 defects", ["\u2168"]),
    ],
)
def test_what_was_not_found_is_named_when_an_answer_says_it(answer: str, missing: list[str]) -> None:
    assert Grounds([_FOUND]).missing(answer) == missing


def test_nothing_may_be_said_when_nothing_was_found() -> None:
    empty = Finding("list_inspections", {"period": "today"}, {"inspections": 0, "rows": []})
    assert Grounds([empty]).missing("No inspections were found, none at all: 0.") == []
    assert Grounds([]).missing("There was 1.") == ["1"]

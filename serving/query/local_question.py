"""Reads common English questions without a language model. What it does not understand to the last word, it refuses."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from serving.query.local_slots import take_periods, take_stations
from serving.query.local_words import read_words, take_classes
from serving.query.names import NamedStation
from serving.query.refusal import NotUnderstood

Kind = Literal["inspections", "defects", "rate", "time", "top_defects", "parts", "list", "alerts", "version"]
Outcome = Literal["pass", "fail", "uncertain"]
EXAMPLES: Final = (
    "How many scratches were found at Station 3 this week?",
    "How many parts failed yesterday?",
    "What is the pass rate today?",
    "What are the top 3 defects in the last 7 days?",
    "Which station has the highest fail rate this week?",
    "Compare the pass rate of today with yesterday",
    "Show the last 5 failed inspections",
    "How many open alerts are there?",
)
DEFAULT_PERIOD: Final = "last 24 hours"
_DEFAULT_OF_LISTS: Final = "last 30 days"
_TOP: Final = re.compile(r"\btop ([1-9]|1[0-9]|20)\b")
_ROWS: Final = re.compile(r"\b(?:last|latest|newest|recent) ([1-9]|1[0-9]|20)\b(?= [a-z ]*(?:inspection|part|failure))")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        kind: About what.
        periods: One, or two to compare.
        stations: None for all, one, or two to compare.
        by_station: Whether stations are ranked.
        outcome: Of which verdict; None for all.
        class_name: Of which class of defects; None for all.
        first_pass: Whether the rate is the first-pass yield.
        lowest: Whether the lowest is asked for, not the highest.
        rows: How many rows, None where it is not said.
    """

    kind: Kind
    periods: tuple[str, ...]
    stations: tuple[NamedStation, ...] = ()
    by_station: bool = False
    outcome: Outcome | None = None
    class_name: str | None = None
    first_pass: bool = False
    lowest: bool = False
    rows: int | None = None

    @property
    def is_comparison(self) -> bool:
        """Whether two things are compared."""
        return len(self.periods) + len(self.stations) > 1 and max(len(self.periods), len(self.stations)) == 2


def read_question(text: str, stations: Sequence[NamedStation], classes: Iterable[str]) -> Question:
    """The question that a text asks.

    Raises:
        NotUnderstood: It is not understood; the message says what can be asked.
        NotInData: It asks for a station that there is not.
    """
    left = " ".join(re.sub(r"[?!;]|[.,](?=\s|$)", " ", text.casefold()).split())
    left, first_pass = re.subn(r"\bfirst[ -]pass[ -](?:yield|rate)\b", "yield", left)
    left, rows = _take_number(left)
    left, periods = take_periods(left)
    left, named = take_stations(left, stations)
    left, found = take_classes(left, classes)
    tags, unknown = read_words(left)
    if unknown:
        raise NotUnderstood(not_understood(unknown))
    if len(periods) > 2 or len(named) > 2 or len(found) > 1:
        raise NotUnderstood(not_understood([]))
    by_station = "stations" in tags and not named and bool(tags & {"which", "by", "compare", "most", "least"})
    outcomes: list[Outcome] = [word for word in ("pass", "fail", "uncertain") if word in tags]
    kind = _kind_of(tags, has_class=bool(found), has_rows=rows is not None, has_outcome=bool(outcomes))
    question = Question(
        kind=kind,
        periods=tuple(periods) or (_DEFAULT_OF_LISTS if kind == "list" else DEFAULT_PERIOD,),
        stations=tuple(named),
        by_station=by_station,
        outcome=outcomes[0] if len(outcomes) == 1 else None,
        class_name=found[0] if found else None,
        first_pass=bool(first_pass),
        lowest="least" in tags,
        rows=rows,
    )
    _require_sense(question, tags, outcomes)
    return question


def not_understood(words: Sequence[str]) -> str:
    """What is said to a question that was not understood."""
    what = f" ({', '.join(word[:40] for word in words[:5])})" if words else ""
    return f"I do not understand that question{what}. I can answer questions like: " + " ".join(EXAMPLES)


def _take_number(text: str) -> tuple[str, int | None]:
    for pattern in (_TOP, _ROWS):
        if match := pattern.search(text):
            word = "top" if pattern is _TOP else "list"
            return pattern.sub("top" if word == "top" else "latest", text, count=1), int(match[1])
    return text, None


def _kind_of(tags: set[str], *, has_class: bool, has_rows: bool, has_outcome: bool) -> Kind:
    rules: tuple[tuple[Kind, bool], ...] = (
        ("alerts", "alerts" in tags),
        ("version", "version" in tags),
        ("list", "list" in tags and (has_rows or "inspections" in tags or has_outcome)),
        ("rate", "rate" in tags),
        ("time", "time" in tags),
        ("defects", has_class),
        ("top_defects", "defects" in tags and bool(tags & {"top", "most", "which"}) and "stations" not in tags),
        ("parts", "inspections" in tags and bool(tags & {"which", "top"}) and bool(tags & {"most", "top"})),
        ("defects", "defects" in tags),
        ("inspections", has_outcome or "inspections" in tags),
    )
    for kind, applies in rules:
        if applies:
            return kind
    raise NotUnderstood(not_understood([]))


def _require_sense(question: Question, tags: set[str], outcomes: Sequence[Outcome]) -> None:
    """Refuses combinations that the answer would pass over.

    Raises:
        NotUnderstood: It is one.
    """
    kind, compared = question.kind, question.is_comparison
    is_counted = kind in {"inspections", "defects", "rate", "time"}
    senseless = (
        (kind == "rate" and len(outcomes) != 1 and not question.first_pass and "yield" not in tags and bool(outcomes))
        or (kind in {"rate", "time", "parts"} and question.class_name is not None)
        or (kind in {"defects", "top_defects", "time", "alerts", "version"} and bool(outcomes))
        or ((compared or question.by_station) and not is_counted)
        or (compared and question.by_station)
        or (bool(tags & {"compare"}) and not compared and not question.by_station)
        or (len(outcomes) > 1 and bool(tags & {"compare", "most", "least"} or compared or question.by_station))
        or (kind in {"alerts", "version"} and bool(question.stations or question.class_name))
        or (kind in {"alerts", "version"} and question.periods != (DEFAULT_PERIOD,))
        or (kind == "alerts" and bool(tags & {"rate", "time", "defects"}))
        or (kind == "inspections" and bool(tags & {"defects", "top"}))
        or (bool(tags & {"most", "least"}) and not question.by_station and kind not in {"top_defects", "parts"})
        or (question.lowest and kind in {"top_defects", "parts"})
        or (len(question.periods) == 2 and len(question.stations) == 2)
        or (kind == "list" and question.rows is None and "count" in tags)
    )
    if senseless:
        raise NotUnderstood(not_understood([]))

"""Answers the questions that `local_question` reads, by the same tools that the language model has."""

from collections.abc import Callable
from typing import Any, Final

from serving.query.findings import Finding
from serving.query.local_question import Question, read_question
from serving.query.local_words import plural
from serving.query.period import resolve
from serving.query.refusal import NOT_IN_DATA, NotInData, NotUnderstood
from serving.query.tools import Toolbox

_MOST_STATIONS: Final = 20
_RATES: Final = {"pass": "pass_rate_percent", "fail": "fail_rate_percent", "uncertain": "uncertain_rate_percent"}
_COUNTS: Final = {"pass": "passed", "fail": "failed", "uncertain": "uncertain", None: "inspections"}
_VERBS: Final = {"pass": "passed", "fail": "failed", "uncertain": "were uncertain", None: "were inspected"}
Answer = tuple[str, list[Finding]]


def answer_locally(text: str, toolbox: Toolbox) -> Answer:
    """The answer with what it rests on; a refusal rests on nothing. Blocks.

    Raises:
        StorageUnavailable: The database does not answer.
    """
    try:
        question = read_question(text, toolbox.analytics.stations(), toolbox.analytics.classes())
        return _Answerer(question, toolbox).answer()
    except NotUnderstood as error:
        return str(error), []
    except NotInData as error:
        told = str(error)
        return f"{NOT_IN_DATA} {told[:1].upper()}{told[1:]}", []


class _Answerer:
    """Answers one question."""

    def __init__(self, question: Question, toolbox: Toolbox) -> None:
        self._asked = question
        self._toolbox = toolbox
        self._findings: list[Finding] = []

    def answer(self) -> Answer:
        if self._asked.by_station:
            text = self._ranked()
        elif self._asked.is_comparison:
            text = self._compared()
        else:
            ways: dict[str, Callable[[], str]] = {
                "top_defects": self._top_defects,
                "parts": self._parts,
                "list": self._list,
                "alerts": self._alerts,
                "version": self._version,
            }
            text = ways.get(self._asked.kind, self._single)()
        return text, self._findings

    def _call(self, tool: str, **wanted: Any) -> Finding:
        finding = self._toolbox.call(tool, wanted)
        self._findings.append(finding)
        return finding

    def _scope(self) -> dict[str, Any]:
        station = self._asked.stations[0].id if self._asked.stations else None
        return {"period": self._asked.periods[0], "station": station}

    def _measure(self, period: str, station: str | None) -> tuple[Finding, float | None, str]:
        """What is asked for, at one station in one period, with a text of it."""
        asked = self._asked
        if asked.kind == "defects":
            found = self._call("count_defects", period=period, station=station, defect_class=asked.class_name)
            number = found.values["defects" if asked.class_name is None else "defects_of_class"]
            return found, number, _defects_text(number, asked.class_name)
        found = self._call("count_inspections", period=period, station=station)
        if asked.kind == "time":
            mean_ms = found.values["mean_time_ms"]
            return found, mean_ms, f"{mean_ms:g} ms" if mean_ms is not None else "no inspection"
        if asked.kind == "rate":
            share = found.values["first_pass_yield_percent" if asked.first_pass else _RATES[asked.outcome or "pass"]]
            return found, share, _percent_text(share)
        number = found.values[_COUNTS[asked.outcome]]
        return found, number, f"{number} {'inspection' if number == 1 else 'inspections'}"

    def _single(self) -> str:
        scope = self._scope()
        found, value, text = self._measure(scope["period"], scope["station"])
        asked, where = self._asked, f"{_place(found)} {self._when(found)}"
        number = found.values["inspections"]
        inspected = f" {number} {'inspection was' if number == 1 else 'inspections were'} made in that time."
        if not number:
            inspected = " Nothing was inspected in that time."
        if value is None:
            raise NotInData(f"No inspection{where}.")
        if asked.kind == "defects":
            return f"{text} {'was' if value == 1 else 'were'} detected{where}.{inspected}"
        if asked.kind == "time":
            return f"The mean time of an inspection was {text}{where}.{inspected}"
        if asked.kind == "rate":
            return f"The {self._rate_name()} was {text}{where}.{inspected}"
        if asked.outcome is None:
            counts = found.values
            ended = f"{counts['passed']} passed, {counts['failed']} failed, {counts['uncertain']} uncertain"
            return f"{text} {'was' if value == 1 else 'were'} made{where}: {ended}."
        return f"{text} {_VERBS[asked.outcome]}{where}.{inspected}"

    def _compared(self) -> str:
        asked = self._asked
        first, last = asked.periods[0], asked.periods[-1]
        stations: list[str | None] = [station.id for station in asked.stations] or [None]
        measured = [self._measure(first, stations[0]), self._measure(last, stations[-1])]
        told = [f"{text}{_place(found)} {self._when(found)}" for found, _, text in measured]
        values = [value for _, value, _ in measured]
        if values[0] is None or values[1] is None:
            raise NotInData(f"There is nothing to compare with: {told[0]}, {told[1]}.")
        word = "the same" if values[0] == values[1] else "more" if values[0] > values[1] else "less"
        return f"{self._subject()}: {told[0]}, {word} {'as' if word == 'the same' else 'than'} {told[1]}."

    def _ranked(self) -> str:
        asked, stations = self._asked, self._toolbox.analytics.stations()
        if len(stations) > _MOST_STATIONS:
            raise NotInData(f"There are more stations than I can rank ({_MOST_STATIONS}): ask for single ones.")
        measured = [(station, *self._measure(asked.periods[0], station.id)[1:]) for station in stations]
        known = [(value, station, text) for station, value, text in measured if value is not None]
        if not known:
            raise NotInData("Nothing was inspected in that time.")
        known.sort(key=lambda row: (row[0] if asked.lowest else -row[0], row[1].id))
        rows = "; ".join(f'"{station.id}" {text}' for _, station, text in known)
        order, when = "lowest" if asked.lowest else "highest", self._when(self._findings[0])
        return f"{self._subject()} by station, {order} first, {when}: {rows}."

    def _top_defects(self) -> str:
        found = self._call("count_defects", **self._scope())
        where = f"{_place(found)} {self._when(found)}"
        by_class: dict[str, int] = found.values["by_class"]
        if not by_class:
            return f"No defects were detected{where}."
        top = list(by_class.items())[: self._asked.rows or 5]
        shares = found.values["share_percent"]
        rows = ", ".join(f'"{name}" {number} ({_percent_text(shares[name])})' for name, number in top)
        return f"The most frequent defects{where}: {rows}. {found.values['defects']} defects in all."

    def _parts(self) -> str:
        found = self._call("break_down", by="part", **self._scope())
        rows = [row for row in found.values["rows"] if row["failed"]][: self._asked.rows or 5]
        where = f"{_place(found)} {self._when(found)}"
        if not rows:
            return f"No part with an id failed{where}."
        told = ", ".join(f'"{row["part"]}" {row["failed"]} of {row["inspections"]}' for row in rows)
        return f"Parts with most failed inspections{where}: {told}."

    def _list(self) -> str:
        asked = self._asked
        wanted = {"decision": asked.outcome, "defect_class": asked.class_name, "limit": asked.rows or 5}
        found = self._call("list_inspections", **self._scope(), **wanted)
        rows = found.values["rows"]
        where = f"{_place(found)} {self._when(found)}"
        if not rows:
            return f"No such inspections{where}."
        told = "; ".join(f'{row["at"]} "{row["station"]}" {row["decision"]} ({row["inspection_id"]})' for row in rows)
        return f"{found.values['shown']} of {found.values['inspections']} inspections{where}, newest first: {told}."

    def _alerts(self) -> str:
        found = self._call("list_alerts", only_open=True, limit=self._asked.rows or 5)
        total, rows = found.values["alerts"], found.values["rows"]
        if not rows:
            return "No alerts are open."
        told = "; ".join(f'{row["at"]} {row["severity"]}: "{row["title"]}"' for row in rows)
        return f"{total} {'alert is' if total == 1 else 'alerts are'} open, newest first: {told}."

    def _version(self) -> str:
        found = self._call("list_model_versions", limit=5)
        if found.values["active_version"] is None:
            return "No model is in use."
        return f'Version "{found.values["active_version"]}" of "{found.values["active_model"]}" is in use.'

    def _subject(self) -> str:
        asked = self._asked
        if asked.kind == "defects":
            return "Defects" if asked.class_name is None else plural(asked.class_name).capitalize()
        if asked.kind == "rate":
            return self._rate_name().capitalize()
        if asked.kind == "time":
            return "Mean time of an inspection"
        return "Inspections" if asked.outcome is None else f"Inspections that {_VERBS[asked.outcome]}"

    def _rate_name(self) -> str:
        if self._asked.first_pass:
            return "first-pass yield"
        return {"pass": "pass rate", "fail": "fail rate", "uncertain": "uncertain rate"}[self._asked.outcome or "pass"]

    def _when(self, found: Finding) -> str:
        analytics = self._toolbox.analytics
        return resolve(found.filters["period"], analytics.now, analytics.zone).said


def _place(found: Finding) -> str:
    station, name = found.filters["station"], found.filters["station_name"]
    if station is None:
        return ""
    return f' at station "{station}"' if name == station else f' at "{name}"'


def _percent_text(share: float | None) -> str:
    return "no inspection" if share is None else f"{share:g} %"


def _defects_text(number: int, class_name: str | None) -> str:
    if class_name is None:
        return f"{number} {'defect' if number == 1 else 'defects'}"
    return f"{number} {class_name.replace('_', ' ') if number == 1 else plural(class_name)}"

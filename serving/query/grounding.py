"""Whether what an answer says was found: every number must come from a finding, and every link is one too many.

Numbers that belong to a name (`line-3`, a part's id, a time) are let through only as part of that whole name, so that a
part called "17 scratches" makes no 17 true: a name in which a number stands alone must be quoted.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from serving.query.findings import Finding
from serving.query.numerals import Numeral, numerals_in, plain

_LONE_NUMBER: Final = re.compile(r"(?<![\w.:/-])\d+(?:[.,]\d+)?(?![\w.:/-])")
_KIND: Final = r"(?:station|line|cell|camera|part|version|model|last|past|previous)"
_TIME: Final = re.compile(r"(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2})")
_COUNTED: Final = re.compile(r"(?:last )?(\d+) (hour|day|week)s?")
_LINK: Final = re.compile(r"(?:https?|ftp|data|javascript|file):|www\.|!?\[[^\]]*\]\(|<[a-z/!]", re.IGNORECASE)
_NONE: Final = re.compile(r"\b(?:none|nothing|never|without any)\b|(?<![\w-])no (?!one\b)\w+", re.IGNORECASE)
# What is said of the data as a whole and counts nothing.
_NO_COUNT: Final = re.compile(
    r"\bno (?:data|information|further|other|difference|way|longer|clear|doubt)\b", re.IGNORECASE
)
_SAID: Final = frozenset({"message", "title"})  # text of our own, whose numbers may be told again


class Grounds:
    """What may be said on the strength of some findings."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        """Takes the findings."""
        self._whole: set[Decimal] = set()
        self._measured: set[Decimal] = set()
        self._percent: set[Decimal] = set()
        self._names: set[str] = set()
        self._is_empty = False
        for finding in findings:
            self._take(finding.values)
            self._take(finding.filters)

    def missing(self, answer: str) -> list[str]:
        """What the answer says without a ground, in its own words; empty if all of it has one."""
        text = self._without_names(plain(answer))
        found = [numeral.text for numeral in numerals_in(text) if not self._has(numeral)]
        found += [match[0] for match in _LINK.finditer(answer)]
        if not self._has_nothing():
            found += [match[0] for match in _NONE.finditer(_NO_COUNT.sub(" ", _after_no(text)))]
        return found

    def _has(self, numeral: Numeral) -> bool:
        if numeral.is_percent:
            return any(self._is_rounded(value, numeral.decimals, self._percent) for value in numeral.values)
        return any(
            value in self._whole or self._is_rounded(value, numeral.decimals, self._measured)
            for value in numeral.values
        )

    @staticmethod
    def _is_rounded(value: Decimal, decimals: int, known: Iterable[Decimal]) -> bool:
        """Whether it is one of the known values, given as exactly as it is written or cut to fewer digits."""
        step = Decimal(1).scaleb(-decimals)
        return any(abs(exact.quantize(step, ROUND_HALF_UP)) == value for exact in known)

    def _has_nothing(self) -> bool:
        return Decimal(0) in self._whole or self._is_empty

    def _take(self, value: Any, key: str = "") -> None:
        match value:
            case bool() | None:
                return
            case int():
                self._whole.add(Decimal(abs(value)))
            case float():
                self._take_measured(Decimal(str(value)), key)
            case str():
                self._take_text(value, key)
            case Mapping():
                for inner, content in value.items():
                    self._add_name(plain(str(inner)).casefold())
                    self._take(content, key if key.endswith("_percent") else str(inner))
            case Sequence():
                self._is_empty |= not value
                for content in value:
                    self._take(content, key)

    def _take_measured(self, value: Decimal, key: str) -> None:
        value = abs(value)
        if key.endswith("_percent"):
            self._percent.add(value)
            return
        self._measured.add(value)
        if 0 <= value <= 1:  # a confidence of 0.94 may be told as 94 %
            self._percent.add(value * 100)

    def _take_text(self, text: str, key: str) -> None:
        if key in _SAID:
            for numeral in numerals_in(plain(text)):
                (self._percent if numeral.is_percent else self._whole).update(numeral.values)
            return
        name = plain(text).casefold()
        self._add_name(name)
        if moment := _TIME.fullmatch(name):
            self._names.update(moment.groups())
        if counted := _COUNTED.fullmatch(name):
            number, unit = counted.groups()
            self._names.update(f"{number}{between}{unit}{end}" for between in " -" for end in ("", "s"))
            self._names.add("7 days" if (number, unit) == ("1", "week") else name)
        if name == "this week":
            self._names.update(("last 7 days", "7 days"))

    def _add_name(self, name: str) -> None:
        if any(True for _ in numerals_in(name)):  # only of those could a part be taken for a quantity
            self._names.add(name)

    def _without_names(self, text: str) -> str:
        for name in sorted(self._names, key=len, reverse=True):
            pattern = re.escape(name)
            if _stands_alone(name):
                pattern = rf"[\"“”'`]{pattern}[\"“”'`]" + (rf"|\b{_KIND}s? {pattern}" if name.isdigit() else "")
            text = re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", " … ", text, flags=re.IGNORECASE)
        return text


def _stands_alone(name: str) -> bool:
    """Whether a number in the name could be taken for a quantity."""
    if _COUNTED.fullmatch(name) or re.fullmatch(r"\d+[ -](?:hour|day|week)s?", name) or _TIME.fullmatch(name):
        return False
    in_words = any(not numeral.text[0].isdigit() for numeral in numerals_in(name))
    return in_words or _LONE_NUMBER.search(re.sub(rf"\b{_KIND}\s+\d+(?![\w.])", " ", name)) is not None


def _after_no(text: str) -> str:
    """The text without a "No," at the beginning, which answers and counts nothing."""
    return re.sub(r"^\s*no[,.:;]", " ", text, flags=re.IGNORECASE)

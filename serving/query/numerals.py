"""The numbers in a text, in digits of any script and in English words."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

_DIGITS: Final = re.compile(r"\d+(?:[,'\u202f\u00a0]\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?")
_PERCENT: Final = re.compile(r"\s*(?:%|per ?cent\b|percent\b|percentage points?\b)", re.IGNORECASE)
_SMALL: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES: Final = (
    {word: value for value, word in enumerate(_SMALL)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=2)}
    | {"dozen": 12}
)
_SCALES: Final = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_WORD: Final = "|".join((*_VALUES, *_SCALES))
_WORDS: Final = re.compile(rf"\b(?:{_WORD})(?:(?:[\s-]+and)?[\s-]+(?:{_WORD}))*\b", re.IGNORECASE)
# "no one", "one of", "this one": not how many.
_PRONOUN: Final = re.compile(
    r"\b(?:no|any|each|every|which|this|that|the|some|another)[\s-]one\b|\bone (?:of|another|at a time|by one)\b",
    re.IGNORECASE,
)
_ROUGH: Final = re.compile(
    r"\b(?:half|third|twice|double|triple|couple|hundreds|thousands|millions|dozens)\b", re.IGNORECASE
)
# A unit is no number, however its exponent is written.
_SQUARED: Final = re.compile(r"\b(mm|cm|m|px)(?:\u00b2|\u00b3|\^2|2)(?!\w)")


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number as it is written.

    Attributes:
        text: The way it is written.
        values: What it can mean: `1,420` is 1420, or 1.420 where the comma is decimal.
        decimals: Digits after the point.
        is_percent: Whether it is per cent.
    """

    text: str
    values: tuple[Decimal, ...]
    decimals: int
    is_percent: bool


def plain(text: str) -> str:
    """The text with every digit one of 0 to 9, and without exponents of units."""
    return "".join(_plain_character(character) for character in _SQUARED.sub(r"\1", text))


def numerals_in(text: str) -> Iterator[Numeral]:
    """Every number of a `plain` text. Words for shares and the numerals of other scripts have no value."""
    for match in _DIGITS.finditer(text):
        values, decimals = _read(match[0])
        yield Numeral(match[0], values, decimals, _PERCENT.match(text, match.end()) is not None)
    for match in _WORDS.finditer(_PRONOUN.sub(" ", text)):
        value = Decimal(_value_of(re.findall(r"[a-z]+", match[0].lower())))
        yield Numeral(match[0], (value,), 0, _PERCENT.match(match.string, match.end()) is not None)
    for match in _ROUGH.finditer(text):
        yield Numeral(match[0], (), 0, is_percent=False)
    for character in text:
        if character.isnumeric() and not character.isdigit():  # Chinese and Roman numerals, fractions
            yield Numeral(character, (), 0, is_percent=False)


def _plain_character(character: str) -> str:
    if character.isascii() or (character.isnumeric() and not character.isdigit()):
        return character
    if character.isdigit():
        return str(unicodedata.digit(character))
    return unicodedata.normalize("NFKC", character)


def _read(text: str) -> tuple[tuple[Decimal, ...], int]:
    readings = {re.sub(r"[,'\u202f\u00a0]", "", text)} if re.search(r"[,'\u202f\u00a0]\d{3}", text) else set()
    if text.count(",") == 1 and "." not in text:
        readings.add(text.replace(",", "."))
    try:
        values = tuple(Decimal(reading) for reading in sorted(readings or {text}))
    except InvalidOperation:
        return (), 0
    exponents = [value.as_tuple().exponent for value in values]
    return values, max((-e for e in exponents if isinstance(e, int)), default=0)


def _value_of(words: list[str]) -> int:
    total = current = 0
    for word in words:
        if word == "hundred":
            current = max(current, 1) * 100
        elif word in _SCALES:
            total += max(current, 1) * _SCALES[word]
            current = 0
        else:
            current += _VALUES.get(word, 0)
    return total + current

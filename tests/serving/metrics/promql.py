"""Just enough of PromQL to see which metrics and labels an expression names."""

import re
from dataclasses import dataclass, field
from typing import Final

_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SELECTOR: Final = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
_MATCHER: Final = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")')
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
_NAME: Final = re.compile(r"(?<![\w:$])([a-zA-Z_:][a-zA-Z0-9_:]*)(?![\w:]*\s*\()")
_WORDS: Final = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan"})


@dataclass
class Named:
    """What an expression names.

    Attributes:
        matched: The labels that each metric is selected by, with the value where it must be equal, else None.
        grouped: The labels that results are grouped or joined by.
    """

    matched: dict[str, dict[str, str | None]] = field(default_factory=dict)
    grouped: set[str] = field(default_factory=set)


def names_in(expression: str) -> Named:
    """The metrics and labels of an expression."""
    named = Named()
    for name, matchers in _SELECTOR.findall(expression):
        labels = named.matched.setdefault(name, {})
        for label, operator, value in _MATCHER.findall(matchers):
            labels[label] = value.strip('"') if operator == "=" and "$" not in value else None
    rest = re.sub(r"\[[^\]]*\]", " ", re.sub(r"\{[^}]*\}", " ", expression))
    rest = _STRING.sub(" ", rest)
    for labels_text in _GROUPING.findall(rest):
        named.grouped |= {label.strip() for label in labels_text.split(",") if label.strip()}
    rest = _GROUPING.sub(" ", rest)
    for name in _NAME.findall(rest):
        if name.lower() not in _WORDS:
            named.matched.setdefault(name, {})
    return named

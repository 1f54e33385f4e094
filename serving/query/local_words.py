"""The words of the local backend. A question with any other word is refused: a word skipped is a question misread."""

import re
from collections.abc import Iterable
from typing import Final

from serving.query.names import forms_of

_MEANINGS: Final = {
    "pass": "pass passed passes passing good ok accepted",
    "fail": "fail failed fails failing failure failures reject rejects rejected bad defective",
    "uncertain": "uncertain unsure undecided",
    "rate": "rate rates percentage percent share yield ratio proportion",
    "count": "many number count total",
    "defects": "defect defects flaw flaws",
    "inspections": "inspection inspections inspected part parts piece pieces picture pictures checked products",
    "top": "top common frequent frequently often main pareto breakdown kinds types classes class",
    "most": "most highest worst biggest more",
    "least": "least lowest fewest best",
    "compare": "compare compared comparison versus vs against than difference change changed differ higher lower",
    "time": "average mean time cycle long takes took take duration",
    "alerts": "alert alerts alarm alarms",
    "open": "open unresolved",
    "version": "version model deployed active",
    "list": "show list latest newest recent",
    "stations": "station stations",
    "by": "by per each every",
    "which": "which what where",
}
# They change nothing, whatever stands beside them. "Not", "without", "or", "since" are missing on purpose.
_IDLE: Final = (
    "the a an of at in on for to is are was were be been being there did do does we have has had us me i our and with "
    "all much how find found detected seen see made line give tell please so far during over within happen happened "
    "occurred occur it that those them can you get got currently now right use used using running runs lines it's "
    "what's whats overall plant"
)
_TAGS: Final = {word: tag for tag, words in _MEANINGS.items() for word in words.split()}
_KNOWN: Final = frozenset(_IDLE.split()) | frozenset(_TAGS)


def is_known(word: str) -> bool:
    """Whether the word is one of these."""
    return word in _KNOWN


def read_words(text: str) -> tuple[set[str], list[str]]:
    """The meanings in a text, and the words that have none."""
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", text.replace("-", " ").replace("\u2019", "'"))
    return {_TAGS[word] for word in words if word in _TAGS}, [word for word in words if not is_known(word)]


def take_classes(text: str, classes: Iterable[str]) -> tuple[str, list[str]]:
    """The text without the classes of defects that it names, and those."""
    found: list[str] = []
    forms = sorted(((form, name) for name in classes for form in forms_of(name)), key=lambda pair: -len(pair[0]))
    for form, name in forms:
        text, number = re.subn(rf"(?<!\w){re.escape(form)}(?!\w)", " ", text)
        if number and name not in found:
            found.append(name)
    return text, found


def plural(class_name: str) -> str:
    """A class of defects in the plural."""
    name = class_name.replace("_", " ")
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "ch", "sh")) else f"{name}s"

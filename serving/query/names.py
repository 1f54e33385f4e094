"""From what people call stations and defects to what the database calls them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from serving.query.refusal import NotInData

_MOST_LISTED: Final = 20
# Words that say that a station follows and are no part of what it is called.
_KIND: Final = re.compile(r"^(the )?(station|line|cell|camera)(?=[^a-z]|$)")


@dataclass(frozen=True, slots=True)
class NamedStation:
    """A station by id and by its name for people."""

    id: str
    name: str


def find_station(text: str, stations: Sequence[NamedStation]) -> NamedStation:
    """The one station that a text means: by id, by name, or by its number alone (`Station 3` for `line-3`).

    Raises:
        NotInData: None of these stations, or several.
    """
    wanted = text.strip().casefold()
    for rule in (_whole, _plain, _without_kind, _number):
        key = rule(wanted)
        found = [s for s in stations if key and key in {rule(s.id.casefold()), rule(s.name.casefold())}]
        if len(found) == 1:
            return found[0]
        if found:
            raise NotInData(f"several stations could be meant: {_listed(s.id for s in found)}")
    raise NotInData(f"there is no station {text[:64]!r}. Stations: {_listed(s.id for s in stations)}")


def find_class(text: str, classes: Iterable[str]) -> str:
    """The class of defects that a text means, in singular or plural.

    Raises:
        NotInData: None of these classes.
    """
    known = sorted(set(classes))
    wanted = _plain(text.casefold())
    for class_name in known:
        if wanted and wanted in {_plain(form) for form in forms_of(class_name)}:
            return class_name
    raise NotInData(f"there is no defect class {text[:64]!r}. Classes: {_listed(known)}")


def forms_of(class_name: str) -> set[str]:
    """A class of defects as people may write it: with blanks, in the plural."""
    name = re.sub(r"[_\s-]+", " ", class_name.casefold()).strip()
    return {name, f"{name}s", f"{name}es", f"{name[:-1]}ies" if name.endswith("y") else name}


def _whole(text: str) -> str:
    return text


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _without_kind(text: str) -> str:
    return _plain(_KIND.sub("", text))


def _number(text: str) -> str:
    """The only number in a text that is a kind of station and a number; of anything else nothing."""
    match = re.fullmatch(r"(?:the )?(?:station|line|cell|camera)?[\W_]*0*([0-9]{1,9})", text)
    return match[1] if match else ""


def _listed(names: Iterable[str]) -> str:
    all_names = list(names)
    shown = ", ".join(all_names[:_MOST_LISTED])
    rest = len(all_names) - _MOST_LISTED
    return f"{shown} and {rest} more" if rest > 0 else shown or "none"

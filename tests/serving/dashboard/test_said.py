"""Whatever the platform says by a code has words in the dashboard (its unit tests see to every language)."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.cameras.camera import FrameFault

_ROOT = Path(__file__).resolve().parents[3]
_ENGLISH = (_ROOT / "dashboards" / "operator" / "src" / "i18n" / "en.ts").read_text(encoding="utf-8")
_ALERT = re.compile(r'\bSaid\(\s*(f?)"([^"]+)"')
_CHOSEN = re.compile(r'"(rejects_above|rejects_below|delivery_given_up|delivery_failing)"')
_GATE = re.compile(r'\b(?:GateWord|_compared)\(\s*"([^"]+)"')


def _places(places: dict[str, list[str]], code: str) -> Iterator[str]:
    (found,) = re.findall(r"\{(\w+)\}", code) or [None]
    if found is None:
        yield code
    else:
        yield from (code.replace(f"{{{found}}}", value) for value in places[found])


def _alert_codes() -> set[str]:
    text = "\n".join(path.read_text(encoding="utf-8") for path in (_ROOT / "serving").rglob("*.py"))
    kinds = [FrameFault.kind, *(each.kind for each in FrameFault.__subclasses__())]
    places = {"what": ["score", "class"], "kind": kinds}
    told = {code for _, found in _ALERT.findall(text) for code in _places(places, found.replace("fault.kind", "kind"))}
    return told | set(_CHOSEN.findall(text))


@pytest.mark.parametrize("code", sorted(_alert_codes()))
def test_dashboard_has_words_for_every_alert_and_every_end_of_one(code: str) -> None:
    has_words = f'"said.{code}"' in _ENGLISH and f'"said.{code}_text"' in _ENGLISH
    assert has_words or f'"ended.{code}"' in _ENGLISH


def test_every_alert_was_found() -> None:
    assert len(_alert_codes()) >= 26


def test_dashboard_has_words_for_all_that_the_gate_says() -> None:
    codes = set(_GATE.findall((_ROOT / "flows" / "gate.py").read_text(encoding="utf-8")))
    codes |= {"escape_proof", "overkill_proof"}
    assert len(codes) >= 12
    assert [code for code in codes if f'"gate.{code}_text"' not in _ENGLISH] == []

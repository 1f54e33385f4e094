"""A few hundred made-up requests for each kind of caller; `python -m tests.contracts.fuzz` sends thousands."""

from collections.abc import Iterator
from typing import Final

import pytest

from models.bundle import Bundle
from tests.contracts.fuzz import CALLERS, fuzz
from tests.contracts.running import Running, running
from tests.prove.plugin import Proof

_CALLERS: Final = ("admin", "operator key", "anonymous")


@pytest.fixture(scope="module")
def disposable(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[Running]:
    """A platform of its own: accounts are locked and things deleted there."""
    with running(tmp_path_factory.mktemp("fuzz") / "var", tiny_bundle) as platform:
        yield platform


@pytest.mark.slow
@pytest.mark.parametrize("caller", _CALLERS)
def test_nothing_is_wrong_when_anything_is_sent(disposable: Running, caller: str) -> None:
    outcome = fuzz(disposable, caller, phases=("fuzzing",), most=1)
    assert outcome.failures == {}
    assert outcome.cases > 70


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.prove("fuzz", "requests made from the API's description, in sequences too, as each caller", only_full=True)
def test_nothing_is_wrong_when_thousands_are_sent(disposable: Running, caller: str, proof: Proof) -> None:
    outcome = fuzz(disposable, caller, phases=("examples", "coverage", "fuzzing", "stateful"), most=8)
    proof.note(requests=outcome.cases, kinds_of_failures=len(outcome.failures))
    proof.note(faults=sum(count for status, count in outcome.statuses.items() if status >= 500 and status != 503))
    assert outcome.failures == {}

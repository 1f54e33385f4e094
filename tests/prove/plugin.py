"""How one test has two sizes, a short one in `make test` and the full one in `make prove`, and reports what it counted.

    @pytest.mark.prove("durability", "`kill -9` at random moments under load")
    def test_…(proof: Proof) -> None:
        kills = proof.size(short=100, full=1000)
        chance = random.Random(proof.seed)
        …
        proof.note(kills=kills, acknowledged=len(acknowledged), lost=len(lost))

With `only_full=True` in the mark, the test has no short size and `make test` skips it. The counts of what did not hold
are noted before they are asserted: a failed proof must say by how much.
"""

import json
import zlib
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

T = TypeVar("T")

AREAS: Final = (
    "durability",
    "no-false-pass",
    "swap",
    "independence",
    "uploads",
    "identity",
    "paths-and-injection",
    "fuzz",
    "clocks",
    "backup",
)
Count = int | float | str


@dataclass
class Proof:
    """What a test of faults or attacks is told and tells.

    Attributes:
        is_full: Whether `make prove` runs it.
        seed: Of everything that it leaves to chance; its own, the same at each run unless `--prove-seed` changes all.
        scale: Share of the full numbers, where a machine has no time for all.
        counts: What it counted.
    """

    is_full: bool
    seed: int
    scale: float = 1.0
    counts: dict[str, Count] = field(default_factory=dict)

    def size(self, short: T, full: T) -> T:
        """The one that this run is to take; of a number the share of the scale, but not less than the short one."""
        if self.is_full and isinstance(full, int | float) and isinstance(short, int | float):
            return max(short, type(full)(full * self.scale))
        return full if self.is_full else short

    def note(self, **counts: Count) -> None:
        """Keeps raw counts for the page; the names become words."""
        self.counts.update(counts)

    def add(self, **counts: int) -> None:
        """Adds to raw counts, where several parts of a proof count the same."""
        for name, count in counts.items():
            self.counts[name] = int(self.counts.get(name, 0)) + count


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of `python -m tests.prove`."""
    group = parser.getgroup("prove")
    group.addoption("--prove", action="store_true", help="run the tests marked `prove` in their full size")
    group.addoption("--prove-areas", default="", help="only these areas, separated by commas")
    group.addoption("--prove-seed", type=int, default=0, help="another chance for all of them")
    group.addoption("--prove-scale", type=float, default=1.0, help="share of the full numbers, from 0 to 1")
    group.addoption("--prove-log", type=Path, help="file that gets one JSON line for each of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what this run is not to take."""
    is_full, wanted = config.getoption("--prove"), set(filter(None, config.getoption("--prove-areas").split(",")))
    for item in items:
        mark = item.get_closest_marker("prove")
        if mark is None:
            continue
        if mark.args[0] not in AREAS:
            raise pytest.UsageError(f"{item.nodeid}: there is no area {mark.args[0]!r}")
        if mark.kwargs.get("only_full") and not is_full:
            item.add_marker(pytest.mark.skip(reason="has its full size only: make prove"))
    if wanted:
        chosen = [item for item in items if (mark := item.get_closest_marker("prove")) and mark.args[0] in wanted]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


@pytest.fixture
def proof(request: pytest.FixtureRequest) -> Proof:
    """The size of the test, its seed, and where its counts go."""
    seed = zlib.crc32(request.node.nodeid.encode()) + int(request.config.getoption("--prove-seed"))
    kept = Proof(bool(request.config.getoption("--prove")), seed, request.config.getoption("--prove-scale"))
    request.node.stash[_PROOF] = kept
    return kept


_PROOF: Final = pytest.StashKey[Proof]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Writes down how a proof ended, also one whose preparation failed or that was skipped."""
    report = yield
    mark, log = item.get_closest_marker("prove"), item.config.getoption("--prove-log")
    if mark is None or log is None or (call.when != "call" and report.passed):
        return report
    kept = item.stash.get(_PROOF, None)
    line: dict[str, Any] = {
        "area": mark.args[0],
        "what": mark.args[1] + (f" [{item.callspec.id}]" if hasattr(item, "callspec") else ""),
        "test": item.nodeid,
        "outcome": report.outcome,
        "reason": _reason(report),
        "seconds": round(report.duration, 1),
        "seed": kept.seed if kept else None,
        "counts": kept.counts if kept else {},
    }
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    return report


def _reason(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])
    return ""

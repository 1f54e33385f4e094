"""The memory of the API over very many parts: none of them leaves anything behind; and a leak would be seen."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import Client, Line, sending, until
from tests.prove.plugin import Proof
from tests.serving.conftest import log_in, settings_on

CLIENTS = 3
SAMPLES = 200
_MOST_MIB_PER_100K = 5.0
_MOST_STEPS_MIB = 8.0
"""In the second half: seen were steps of five, once in four runs."""
_STRETCHES = 10
_PLANTED_MIB_PER_100K = 1024 * 100_000 / 2**20


class Measured:
    """One API, and what it takes."""

    def __init__(self, api: KillableApi, settings: Settings) -> None:
        self.api, self.settings = api, settings
        self.seen: list[tuple[int, float]] = []

    def rss_mib(self) -> float:
        """Memory of the process, now."""
        status = Path(f"/proc/{self.api.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def inspect(self, parts: int, seed: int) -> None:
        """Sends so many, and notes the memory all the while."""
        self.api.start()
        with httpx.Client(base_url=self.api.base_url, trust_env=False, timeout=60) as client:
            token = log_in(client, "operator")
        clients = [Client(self.api.base_url, token, seed + number) for number in range(CLIENTS)]
        with sending(clients) as line:
            for wanted in range(0, parts + 1, parts // SAMPLES):
                until(partial(has_answered, line, wanted), f"{wanted} parts", deadline_s=3600)
                self.seen.append((line.answers, self.rss_mib()))
        assert line.wrong == []
        self.api.kill()

    def mib_per_100k(self, first: int, last: int) -> float:
        """Slope of the memory between two numbers of parts: the median of that of ten stretches.

        What each part leaves behind raises every stretch; a cache that fills, or a thread's first block of memory, is a
        step in one of them, after any number of parts.
        """
        edges = np.linspace(first, last, _STRETCHES + 1)
        slopes = []
        for begin, end in pairwise(edges):
            seen = [(at, mib) for at, mib in self.seen if begin <= at <= end]
            slopes.append(np.polyfit([at for at, _ in seen], [mib for _, mib in seen], 1)[0])
        return float(np.median(slopes)) * 100_000

    def grown_mib(self, first: int, last: int) -> float:
        """What it takes more at the end than at the beginning, steps included."""
        seen = [mib for at, mib in self.seen if first <= at <= last]
        return seen[-1] - seen[0]


def has_answered(line: Line, wanted: int) -> bool:
    return line.answers >= wanted


@pytest.fixture
def plants(forker: Forker, prepared_data_dir: Path, tmp_path: Path) -> Iterator[dict[str, Measured]]:
    """A platform, and one that leaks."""
    with ExitStack() as stack:
        plants = {}
        for name, before in (("honest", ""), ("leaking", "leak_with_each_part")):
            settings = settings_on(shutil.copytree(prepared_data_dir, tmp_path / name))
            environment = environment_of(settings, LOG_LEVEL="ERROR", INFERENCE_WORKERS="2")
            api = KillableApi(forker, environment, tmp_path / f"{name}.log", before=before)
            plants[name] = Measured(stack.enter_context(closing(api)), settings)
        yield plants


@pytest.mark.prove("independence", "memory over many parts, then with a leak of 1 KiB in each part", only_full=True)
def test_memory_does_not_grow_with_the_parts_and_a_leak_would_be_seen(
    plants: dict[str, Measured], proof: Proof
) -> None:
    parts = proof.size(short=8_000, full=40_000)
    early = parts // 8, parts // 4
    plants["leaking"].inspect(early[1], proof.seed)
    plants["honest"].inspect(parts, proof.seed)
    # Half of the parts fill what fills up once: caches, and what the allocator keeps for its threads.
    honest = plants["honest"].mib_per_100k(parts // 2, parts)
    leaking, beside = (plants[name].mib_per_100k(*early) for name in ("leaking", "honest"))
    proof.note(parts=parts, mib_per_100k=honest, first_mib=plants["honest"].seen[0][1])
    grown = plants["honest"].grown_mib(parts // 2, parts)
    proof.note(last_mib=plants["honest"].seen[-1][1], grown_in_second_half=grown)
    proof.note(planted=_PLANTED_MIB_PER_100K, seen_of_it=leaking - beside)
    assert leaking - beside > _PLANTED_MIB_PER_100K / 2, "the planted leak was not seen: the measure is blind"
    assert honest <= _MOST_MIB_PER_100K
    assert grown <= _MOST_STEPS_MIB

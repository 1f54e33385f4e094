"""The memory of the API over very many parts: none of them leaves anything behind; and a leak would be seen."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import numpy as np
import pytest

from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import Client, sending, until
from tests.prove.plugin import Proof
from tests.serving.conftest import log_in, settings_on

CLIENTS = 3
SAMPLES = 200
_MOST_MIB_PER_100K = 5.0
_PLANTED_MIB_PER_100K = 1024 * 100_000 / 2**20


class Measured:
    """One API, and what it takes."""

    def __init__(self, api: KillableApi, settings: Settings) -> None:
        self.api, self.settings = api, settings

    def rss_mib(self) -> float:
        """Memory of the process, now."""
        status = Path(f"/proc/{self.api.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def mib_per_100k(self, parts: int, seed: int) -> float:
        """Slope of the memory over the second half of so many parts: what fills up once is full by then."""
        self.api.start()
        with httpx.Client(base_url=self.api.base_url, trust_env=False, timeout=60) as client:
            token = log_in(client, "operator")
        clients = [Client(self.api.base_url, token, seed + number) for number in range(CLIENTS)]
        seen: list[tuple[int, float]] = []
        with sending(clients) as line:
            for wanted in np.linspace(parts // 2, parts, SAMPLES).astype(int):
                until(lambda wanted=int(wanted): line.answers >= wanted, f"{wanted} parts", deadline_s=3600)  # type: ignore[misc]
                seen.append((line.answers, self.rss_mib()))
        assert line.wrong == []
        slope = np.polyfit([at for at, _ in seen], [mib for _, mib in seen], 1)[0]
        return float(slope) * 100_000


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
    leaking = plants["leaking"].mib_per_100k(parts // 8, proof.seed)
    plants["leaking"].api.kill()
    proof.note(parts_with_the_leak=parts // 8, mib_per_100k_with_the_leak=leaking, planted=_PLANTED_MIB_PER_100K)
    honest = plants["honest"].mib_per_100k(parts, proof.seed)
    proof.note(parts=parts, mib_per_100k=honest)
    assert leaking > _PLANTED_MIB_PER_100K / 2, "the planted leak was not seen: the measure is blind"
    assert honest <= _MOST_MIB_PER_100K

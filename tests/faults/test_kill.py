"""`kill -9`, again and again, while parts are inspected: what was acknowledged is there, once, with its picture."""

import random
import shutil
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from serving.media.store import INCOMING, ORPHANS
from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import Client, Line, assert_all_is_there, note_what_is_there, sending, until
from tests.prove.plugin import Proof
from tests.serving.conftest import log_in, settings_on

# While one starts it waits for the disk, and for the other's answers: two at once take little longer than one.
PLATFORMS = 2
CLIENTS = 4
# Each life ends a moment after so many answers, or at the latest after so long.
MOST_ANSWERS = 8
LONGEST_LIFE_S = 5.0
LONGEST_MOMENT_S = 0.05


@dataclass
class Plant:
    """A platform of its own that is killed, and its line."""

    settings: Settings
    api: KillableApi
    answered: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    starts_s: list[float] = field(default_factory=list)

    def clients(self, seed: int) -> list[Client]:
        """Those of the line; the API runs from then on."""
        self.api.start()
        with httpx.Client(base_url=self.api.base_url, trust_env=False, timeout=20) as client:
            token = log_in(client, "operator")
        seeds = range(seed, seed + CLIENTS)
        return [Client(self.api.base_url, token, each, answered=self.answered) for each in seeds]

    def kill_again_and_again(self, line: Line, kills: int, seed: int) -> None:
        """Notes the seconds from each kill until the API was healthy."""
        chance, moment = random.Random(seed), threading.Event()  # noqa: S311
        for _ in range(kills):
            give_up_at = time.monotonic() + LONGEST_LIFE_S
            for _ in range(chance.randint(0, MOST_ANSWERS)):
                self.answered.acquire(timeout=max(0.0, give_up_at - time.monotonic()))
            moment.wait(timeout=chance.uniform(0.0, LONGEST_MOMENT_S))  # not for anything: the moment is the test
            line.pause()
            self.api.kill()
            killed_s = time.monotonic()
            self.api.start()
            self.starts_s.append(time.monotonic() - killed_s)
            line.run()

    def pictures(self) -> int:
        """Those that are in their place."""
        return sum(1 for _ in self.settings.media_dir.glob("[0-9]*/*/*/*"))

    def require_all(self, line: Line, proof: Proof) -> None:
        """What was acknowledged is there and nothing else, also after one more start."""
        acknowledged = line.acknowledged
        note_what_is_there(self.settings, acknowledged, proof)
        assert_all_is_there(self.settings, acknowledged, nothing_else=True)
        self.api.kill()
        self.api.start()
        until(lambda: self.pictures() == len(acknowledged), "the repair, which runs beside")
        assert list((self.settings.media_dir / INCOMING).iterdir()) == []
        assert_all_is_there(self.settings, acknowledged, nothing_else=True)
        orphans = {path.stem for path in (self.settings.media_dir / ORPHANS).rglob("*.jpg")}
        assert not {told.id for told in acknowledged.values()} & orphans


@pytest.fixture
def plants(forker: Forker, prepared_data_dir: Path, tmp_path: Path) -> Iterator[list[Plant]]:
    with ExitStack() as stack:
        plants = []
        for number in range(PLATFORMS):
            settings = settings_on(shutil.copytree(prepared_data_dir, tmp_path / f"var-{number}"))
            environment = environment_of(settings, INFERENCE_WORKERS="2", LOG_LEVEL="WARNING")
            api = stack.enter_context(closing(KillableApi(forker, environment, tmp_path / f"api-{number}.log")))
            plants.append(Plant(settings, api))
        yield plants


@pytest.mark.slow
@pytest.mark.prove("durability", "`kill -9` at random moments while four clients send, two platforms at a time")
def test_every_acknowledged_inspection_is_there_once_when_the_api_is_killed_again_and_again(
    plants: list[Plant], proof: Proof
) -> None:
    kills = proof.size(short=40, full=500)  # of each platform
    with ExitStack() as stack, ThreadPoolExecutor(PLATFORMS) as killers:
        lines = [
            stack.enter_context(sending(plant.clients(proof.seed + 1000 * number)))
            for number, plant in enumerate(plants)
        ]
        seeds = range(proof.seed, proof.seed + PLATFORMS)
        killing = [
            killers.submit(plant.kill_again_and_again, line, kills, seed)
            for plant, line, seed in zip(plants, lines, seeds, strict=True)
        ]
        for each in killing:
            each.result()
    assert [problem for line in lines for problem in line.wrong] == []
    cut_off, starts_s = sum(line.cut_off for line in lines), [s for plant in plants for s in plant.starts_s]
    proof.note(kills=kills * PLATFORMS, requests_cut_off=cut_off)
    proof.note(ready_again_s_median=statistics.median(starts_s), ready_again_s_worst=max(starts_s))
    assert cut_off > kills * PLATFORMS // 2, "the kills hit nothing: this would test nothing"
    assert sum(len(line.acknowledged) for line in lines) > kills
    for plant, line in zip(plants, lines, strict=True):
        plant.require_all(line, proof)

"""`kill -9` while retention deletes: rows and files agree afterwards, and what is protected is untouched."""

import random
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from serving.database import open_database
from serving.media.store import ORPHANS, MediaStore
from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.storage.stock import Stock

PASSES = "/api/v1/storage/retention/passes"


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    environment = environment_of(settings, RETENTION_LAST_FAILURES="50", LOG_LEVEL="WARNING")
    with closing(KillableApi(forker, environment, tmp_path / "api.log")) as api:
        yield api


class Driver(threading.Thread):
    """Drives passes as the flow does: when the API dies, it begins anew."""

    def __init__(self, base_url: str, token: str, ready: threading.Event) -> None:
        super().__init__(name="retention")
        self.cut_off = 0
        self.unexpected: list[str] = []
        self.finished = threading.Event()
        self._base_url, self._headers, self._ready = base_url, bearer(token), ready

    def run(self) -> None:
        with httpx.Client(base_url=self._base_url, headers=self._headers, timeout=30, trust_env=False) as client:
            while not self.finished.is_set():
                if not self._ready.wait(timeout=60):
                    self.unexpected.append("the API did not come back")
                    return
                try:
                    self._pass(client)
                except httpx.TransportError:
                    self.cut_off += 1

    def _pass(self, client: httpx.Client) -> None:
        answer = client.post(PASSES, json={"allow_more": True})
        while answer.is_success and answer.json()["state"] == "running":
            answer = client.post(f"{PASSES}/{answer.json()['id']}/chunks", json={"limit": 10})
        if answer.is_success:
            self.finished.set()
        else:
            self.unexpected.append(answer.text)
            self.finished.set()


def orphans_in(settings: Settings) -> list[Path]:
    return [path for path in (settings.media_dir / ORPHANS).rglob("*.jpg") if path.is_file()]


@pytest.mark.slow
@pytest.mark.prove("durability", "`kill -9` while retention deletes")
def test_rows_and_files_agree_when_the_api_is_killed_again_and_again(
    api: KillableApi, settings: Settings, proof: Proof
) -> None:
    wanted, pictures = proof.size(short=(12, 1200), full=(60, 6000))
    database, media = open_database(settings), MediaStore(settings.media_dir)
    media.prepare()
    stock = Stock(database, media)
    old, young = stock.add("pass", 60, count=pictures), stock.add("pass", 3, count=50)
    failures, held = stock.add("fail", 600, count=60), old[:: pictures // 20]
    for inspection_id in held:
        stock.hold(inspection_id)
    ready, moment, chance = threading.Event(), threading.Event(), random.Random(proof.seed)  # noqa: S311
    api.start()
    with httpx.Client(base_url=api.base_url, trust_env=False, timeout=20) as client:
        driver = Driver(api.base_url, log_in(client, "admin"), ready)
    driver.start()
    ready.set()
    kills = 0
    while kills < wanted and not driver.finished.is_set():
        moment.wait(timeout=chance.uniform(0.0, 0.3))  # not for anything: the moment is the test
        ready.clear()
        api.kill()
        kills += 1
        api.start()
        ready.set()
    driver.join(timeout=120)
    assert driver.unexpected == []
    proof.note(kills=kills, pictures=pictures, calls_cut_off=driver.cut_off)
    proof.note(left_over=len(stock.left_of(old)) - len(held), orphans=len(orphans_in(settings)))
    assert driver.cut_off > wanted // 3, "the kills hit nothing: this would test nothing"
    assert stock.to_remove() == []
    assert stock.left_of(old) == held
    assert stock.left_of(young) == young
    assert stock.left_of(failures) == failures[10:]
    assert orphans_in(settings) == []
    assert stock.open_alerts() == []
    database.close()

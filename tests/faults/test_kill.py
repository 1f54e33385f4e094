"""`kill -9`, again and again, while parts are inspected: what was acknowledged is there, once, with its picture."""

import hashlib
import random
import sqlite3
import statistics
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from serving.media.store import INCOMING, ORPHANS
from serving.settings import Settings
from tests.faults.killable import KillableApi, free_port
from tests.pictures import jpeg_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in

CLIENTS = 4
# Each life ends a moment after so many answers, or at the latest after so long.
MOST_ANSWERS = 8
LONGEST_LIFE_S = 5.0
LONGEST_MOMENT_S = 0.05
DEADLINE_S = 60.0


@dataclass
class Order:
    """One part that a client wants inspected, under one key, until it has an answer."""

    data: bytes
    key: str = field(default_factory=lambda: str(uuid4()))

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()


class Line(threading.Thread):
    """A client that keeps sending parts, and writes down what was acknowledged."""

    def __init__(
        self, base_url: str, token: str, ready: threading.Event, answers: threading.Semaphore, seed: int
    ) -> None:
        super().__init__(name=f"line-{seed}")
        self.acknowledged: dict[str, tuple[str, str]] = {}
        self.cut_off = 0
        self.unexpected: list[str] = []
        self.ending = threading.Event()
        self._base_url, self._ready, self._answers = base_url, ready, answers
        self._random = random.Random(seed)  # noqa: S311
        self._headers = bearer(token)
        self._open_orders: deque[Order] = deque()
        self._pictures = [jpeg_bytes(square_picture(colour)) for colour in ("red", "blue", "pale_red", None)]

    def run(self) -> None:
        with httpx.Client(base_url=self._base_url, headers=self._headers, timeout=20, trust_env=False) as client:
            while not self.ending.is_set() or self._open_orders:
                if not self._ready.wait(timeout=DEADLINE_S):
                    self.unexpected.append("the API did not come back")
                    return
                self._send(client, self._open_orders.popleft() if self._open_orders else self._new_order())

    def _new_order(self) -> Order:
        # Bytes after the end of a JPEG are legal: every part has a picture of its own.
        return Order(self._random.choice(self._pictures) + self._random.randbytes(16))

    def _send(self, client: httpx.Client, order: Order) -> None:
        try:
            response = client.post(
                "/api/v1/inspect",
                files={"file": ("part.jpg", order.data)},
                data={"station_id": self.name, "part_id": order.key},
                headers={"Idempotency-Key": order.key},
            )
        except httpx.TransportError:
            self.cut_off += 1
            self._open_orders.append(order)
            return
        if response.status_code == 200:
            self.acknowledged[order.key] = (response.json()["id"], order.sha256)
            self._answers.release()
        else:
            self.unexpected.append(f"{response.status_code} {response.text}")


@pytest.fixture
def api(settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    secret = settings.secret_key
    assert secret is not None
    environment = {
        "DATA_DIR": str(settings.data_dir),
        "API_PORT": str(free_port()),
        "SECRET_KEY": secret.get_secret_value(),
        "RATE_LIMIT_DEFAULT": "1000000/minute",
        "OPENVINO_ENABLED": "false",  # ready sooner; what runs the network makes no difference here
        "INFERENCE_WORKERS": "2",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "json",
    }
    with closing(KillableApi(environment, tmp_path / "api.log")) as api:
        yield api


def kill_again_and_again(
    api: KillableApi, ready: threading.Event, answers: threading.Semaphore, kills: int, seed: int
) -> list[float]:
    """The seconds from each new start until the API was healthy."""
    chance, moment, starts_s = random.Random(seed), threading.Event(), []  # noqa: S311
    for _ in range(kills):
        give_up_at = time.monotonic() + LONGEST_LIFE_S
        for _ in range(chance.randint(0, MOST_ANSWERS)):
            answers.acquire(timeout=max(0.0, give_up_at - time.monotonic()))
        moment.wait(timeout=chance.uniform(0.0, LONGEST_MOMENT_S))  # not for anything: the moment is the test
        ready.clear()
        api.kill()
        killed_s = time.monotonic()
        api.start()
        starts_s.append(time.monotonic() - killed_s)
        ready.set()
    return starts_s


def assert_database_and_pictures_agree(settings: Settings, acknowledged: dict[str, tuple[str, str]]) -> None:
    with closing(sqlite3.connect(settings.data_dir / "ussop.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        query = "SELECT idempotency_key, id, image_sha256, image_path, objects_found FROM inspections"
        rows = database.execute(query).fetchall()
        told = database.execute("SELECT data ->> 'id' FROM events WHERE type = 'inspection'").fetchall()
        found = dict(database.execute("SELECT inspection_id, count(*) FROM detections GROUP BY inspection_id"))
    assert len(rows) == len({key for key, *_ in rows}), "an inspection is there twice"
    assert {key: (row_id, sha256) for key, row_id, sha256, *_ in rows} == acknowledged
    assert sorted(row_id for (row_id,) in told) == sorted(row_id for row_id, _ in acknowledged.values())
    for _, row_id, sha256, path, objects_found in rows:
        assert hashlib.sha256((settings.media_dir / path).read_bytes()).hexdigest() == sha256
        assert found.get(row_id, 0) == objects_found


def note_what_is_there(settings: Settings, acknowledged: dict[str, tuple[str, str]], proof: Proof) -> None:
    with closing(sqlite3.connect(settings.data_dir / "ussop.db")) as database:
        rows = database.execute("SELECT idempotency_key, image_path FROM inspections").fetchall()
    keys = [key for key, _ in rows]
    proof.note(lost=len(set(acknowledged) - set(keys)), doubled=len(keys) - len(set(keys)))
    proof.note(rows_without_picture=sum(not (settings.media_dir / path).is_file() for _, path in rows))


def pictures_in_place(settings: Settings) -> int:
    return sum(1 for _ in settings.media_dir.glob("[0-9]*/*/*/*"))


@pytest.mark.slow
@pytest.mark.prove("durability", "`kill -9` at random moments while four clients send")
def test_every_acknowledged_inspection_is_there_once_when_the_api_is_killed_again_and_again(
    api: KillableApi, settings: Settings, proof: Proof
) -> None:
    kills = proof.size(short=100, full=1000)
    ready, answers = threading.Event(), threading.Semaphore(0)
    api.start()
    with httpx.Client(base_url=api.base_url, trust_env=False, timeout=20) as client:
        token = log_in(client, "operator")
    lines = [Line(api.base_url, token, ready, answers, seed) for seed in range(proof.seed, proof.seed + CLIENTS)]
    for line in lines:
        line.start()
    ready.set()
    try:
        starts_s = kill_again_and_again(api, ready, answers, kills, proof.seed)
    finally:
        ready.set()
        for line in lines:
            line.ending.set()
        for line in lines:
            line.join(timeout=DEADLINE_S)
    assert [problem for line in lines for problem in line.unexpected] == []
    cut_off = sum(line.cut_off for line in lines)
    assert cut_off > kills // 2, "the kills hit nothing: this would test nothing"
    acknowledged = {key: value for line in lines for key, value in line.acknowledged.items()}
    proof.note(kills=kills, acknowledged=len(acknowledged), requests_cut_off=cut_off)
    proof.note(ready_again_s_median=statistics.median(starts_s), ready_again_s_worst=max(starts_s))
    assert len(acknowledged) > kills
    note_what_is_there(settings, acknowledged, proof)
    assert_database_and_pictures_agree(settings, acknowledged)

    api.kill()
    api.start()
    give_up_at, pause = time.monotonic() + DEADLINE_S, threading.Event()
    while pictures_in_place(settings) != len(acknowledged) and time.monotonic() < give_up_at:
        pause.wait(timeout=0.05)  # the repair runs beside
    assert pictures_in_place(settings) == len(acknowledged)
    assert list((settings.media_dir / INCOMING).iterdir()) == []
    assert_database_and_pictures_agree(settings, acknowledged)
    orphans = [path.stem for path in (settings.media_dir / ORPHANS).rglob("*.jpg")]
    assert not {row_id for row_id, _ in acknowledged.values()} & set(orphans)

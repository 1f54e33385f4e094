"""A line under faults: clients that send parts without a pause, and a ledger of what was acknowledged."""

import hashlib
import random
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple
from uuid import uuid4

import httpx

from serving.settings import Settings
from tests.pictures import Colour, jpeg_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer

DEADLINE_S = 120.0
# What the tiny network says of a part of that colour, in any version.
VERDICTS: dict[Colour | None, str] = {"red": "fail", "blue": "fail", "pale_red": "uncertain", None: "pass"}
_PAUSE_S = 0.02


def until(condition: Callable[[], bool], what: str, *, deadline_s: float = DEADLINE_S) -> float:
    """Seconds until it held."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() < began_s + deadline_s, f"not in time: {what}"
        time.sleep(0.02)
    return time.monotonic() - began_s


@cache
def _picture(colour: Colour | None, shape_hw: tuple[int, int]) -> bytes:
    height, width = shape_hw
    square = {"at_xy": (width // 4, height * 3 // 8), "side_px": width // 4}
    return jpeg_bytes(square_picture(colour, shape_hw=shape_hw, **square))  # type: ignore[arg-type]


@dataclass
class Order:
    """One part that a client wants inspected, under one key, until it has an answer."""

    colour: Colour | None
    data: bytes
    key: str = field(default_factory=lambda: str(uuid4()))


class Acknowledged(NamedTuple):
    """What a client was told, and the picture that it had sent."""

    id: str
    sha256: str
    decision: str
    model_version: str
    confidence: float


class Client(threading.Thread):
    """Sends one part after the other, each until it is acknowledged.

    Args:
        base_url: Of the API.
        token: Of an operator.
        seed: Of the pictures.
        refusals: Statuses that mean: not now, send it again. Without any, all but 200 is unexpected.
        colours: Of the parts.
        answered: Released at each answer.
        shape_hw: Of the pictures, in pixels.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        seed: int,
        *,
        refusals: frozenset[int] = frozenset(),
        colours: tuple[Colour | None, ...] = tuple(VERDICTS),
        answered: threading.Semaphore | None = None,
        shape_hw: tuple[int, int] = (64, 64),
    ) -> None:
        super().__init__(name=f"line-{seed}")
        self.acknowledged: dict[str, Acknowledged] = {}
        self.statuses = Counter[int]()
        self.cut_off = 0
        self.wrong: list[str] = []
        self.ready, self.ending = threading.Event(), threading.Event()
        self._answered = answered or threading.Semaphore()
        self._pictures = {colour: _picture(colour, shape_hw) for colour in colours}
        self._base_url, self._headers, self._refusals, self._colours = base_url, bearer(token), refusals, colours
        self._random = random.Random(seed)  # noqa: S311
        self._open_orders: deque[Order] = deque()

    def run(self) -> None:
        """Until it is told to end and every order has its answer."""
        limits = {"base_url": self._base_url, "headers": self._headers, "timeout": 60.0}
        with httpx.Client(**limits, trust_env=False) as client:  # type: ignore[arg-type]
            while not self.ending.is_set() or self._open_orders:
                if not self.ready.wait(timeout=DEADLINE_S):
                    self.wrong.append("the API did not come back")
                    return
                self._send(client, self._open_orders.popleft() if self._open_orders else self._new_order())

    def _new_order(self) -> Order:
        colour = self._random.choice(self._colours)
        # Bytes after the end of a JPEG are legal: every part has a picture of its own.
        return Order(colour, self._pictures[colour] + self._random.randbytes(16))

    def _send(self, client: httpx.Client, order: Order) -> None:
        try:
            answer = client.post(
                "/api/v1/inspect",
                files={"file": ("part.jpg", order.data)},
                data={"station_id": self.name, "part_id": order.key},
                headers={"Idempotency-Key": order.key},
            )
        except httpx.TransportError:
            self.cut_off += 1
            self._open_orders.append(order)
            self.ending.wait(_PAUSE_S)
            return
        self.statuses[answer.status_code] += 1
        if answer.status_code == 200:
            self._note(order, answer)
        elif answer.status_code in self._refusals:
            self._open_orders.append(order)
            self.ending.wait(_PAUSE_S)
        else:
            self.wrong.append(f"{answer.status_code} {answer.text}")
        self._answered.release()

    def _note(self, order: Order, answer: httpx.Response) -> None:
        body = answer.json()
        if body["decision"] != VERDICTS[order.colour]:
            self.wrong.append(f"a false verdict: {order.colour} is {body['decision']}")
        digest = hashlib.sha256(order.data).hexdigest()
        given = body["id"], digest, body["decision"], body["model_version"], float(body["confidence"] or 0.0)
        self.acknowledged[order.key] = Acknowledged(*given)


class Line:
    """Several clients."""

    def __init__(self, clients: list[Client]) -> None:
        self.clients = clients

    @property
    def acknowledged(self) -> dict[str, Acknowledged]:
        """What any of them was told, by key."""
        return {key: told for client in self.clients for key, told in client.acknowledged.items()}

    @property
    def wrong(self) -> list[str]:
        """What should not have been answered."""
        return [problem for client in self.clients for problem in client.wrong]

    @property
    def cut_off(self) -> int:
        """Requests that never got an answer."""
        return sum(client.cut_off for client in self.clients)

    @property
    def answers(self) -> int:
        """Answers of any kind."""
        return sum(client.statuses.total() for client in self.clients)

    def count(self, status: int) -> int:
        """Answers with that status."""
        return sum(client.statuses[status] for client in self.clients)

    def run(self) -> None:
        """Lets them send."""
        for client in self.clients:
            client.ready.set()

    def pause(self) -> None:
        """Lets them wait, once they have their present answer."""
        for client in self.clients:
            client.ready.clear()


@contextmanager
def sending(clients: list[Client]) -> Iterator[Line]:
    """The clients, who send within the block and have every answer after it."""
    line = Line(clients)
    line.run()
    for client in clients:
        client.start()
    try:
        yield line
    finally:
        line.run()
        for client in clients:
            client.ending.set()
        for client in clients:
            client.join(timeout=DEADLINE_S)
    assert not any(client.is_alive() for client in clients), "a client waits for ever"


def assert_all_is_there(settings: Settings, acknowledged: dict[str, Acknowledged], *, nothing_else: bool) -> None:
    """Rows, events, detections and pictures say the same, and what was acknowledged is among them, once.

    Args:
        settings: Of the data folder.
        acknowledged: By key.
        nothing_else: Whether there may be no row that nobody was told of.
    """
    with closing(sqlite3.connect(settings.data_dir / "ussop.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        query = "SELECT idempotency_key, id, image_sha256, decision, image_path, objects_found FROM inspections"
        rows = database.execute(query).fetchall()
        told = database.execute("SELECT data ->> 'id' FROM events WHERE type = 'inspection'").fetchall()
        found = dict(database.execute("SELECT inspection_id, count(*) FROM detections GROUP BY inspection_id"))
    stored = {key: (row_id, sha256, decision) for key, row_id, sha256, decision, *_ in rows}
    assert len(rows) == len(stored), "an inspection is there twice"
    assert sorted(row_id for (row_id,) in told) == sorted(row_id for row_id, *_ in stored.values())
    given = {key: (told.id, told.sha256, told.decision) for key, told in acknowledged.items()}
    assert stored == given if nothing_else else given.items() <= stored.items()
    for _, row_id, sha256, _, path, objects_found in rows:
        assert hashlib.sha256((settings.media_dir / path).read_bytes()).hexdigest() == sha256
        assert found.get(row_id, 0) == objects_found


def note_what_is_there(settings: Settings, acknowledged: dict[str, Acknowledged], proof: Proof) -> None:
    """Adds to the counts what was lost or doubled, before anything is asserted."""
    with closing(sqlite3.connect(settings.data_dir / "ussop.db")) as database:
        rows = database.execute("SELECT idempotency_key, image_path FROM inspections").fetchall()
    keys = [key for key, _ in rows]
    proof.add(acknowledged=len(acknowledged), lost=len(set(acknowledged) - set(keys)))
    proof.add(doubled=len(keys) - len(set(keys)))
    proof.add(rows_without_picture=sum(not (settings.media_dir / path).is_file() for _, path in rows))

"""Every alert is told once to each target that wants it, however often that fails and whoever dies meanwhile."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from serving.alerts.schemas import Severity
from serving.alerts.service import raise_alert, resolve_alert
from serving.database import Database, create_engine
from serving.delivery import attempts
from serving.delivery.addresses import AllowList
from serving.delivery.attempts import ALARMING_TRIES, FIRST_PAUSE_S, LEASE, MOST_PAUSE_S, MOST_TRIES, pause_after
from serving.delivery.deliveries import Deliveries
from serving.delivery.planning import QUIET, plan
from serving.delivery.webhook import WebhookTarget, WebhookUrl, trusting_context
from serving.metrics.registry import Metrics
from serving.schema import upgrade
from serving.tables import AlertDelivery
from tests.ports import free_port
from tests.serving.alerts.line import open_alerts
from tests.serving.delivery.receivers import Receiver, black_hole, receiving
from tests.serving.postgres import is_installed, postgres

_NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_TLS = trusting_context()


def hook(port: int, least: str = "info") -> WebhookTarget:
    """A target on this machine."""
    url = WebhookUrl.of(f"http://127.0.0.1:{port}/ {least}")
    return WebhookTarget(url, b"k" * 32, AllowList.of(["127.0.0.1"]), _TLS)


class House:
    """A database with alerts, and a clock that the test sets."""

    def __init__(self, database: Database) -> None:
        self.database, self.now = database, _NOON

    def write(self, work: Callable[[Session], Any]) -> Any:
        return self.database.write(work).result(timeout=30)

    def begin(self, key: str = "k", severity: Severity = "error") -> str:
        """An alert is raised."""
        return str(self.write(lambda session: raise_alert(session, severity, f"T {key}", "m", key, now=self.now)))

    def end(self, key: str = "k") -> None:
        """It is over."""
        self.write(lambda session: resolve_alert(session, key, self.now))

    def rows(self) -> list[tuple[str, str, int]]:
        """Event, state and tries of every delivery."""
        return [(row.event, row.state, row.attempts) for row in self.deliveries()]

    def deliveries(self) -> list[AlertDelivery]:
        """Every delivery, oldest first."""
        with self.database.read() as session:
            return list(session.exec(select(AlertDelivery).order_by(AlertDelivery.id)).all())  # type: ignore[arg-type]

    async def until(self, condition: Callable[[], Any], what: str) -> None:
        """Wait for it."""
        deadline = asyncio.get_running_loop().time() + 60
        while not await asyncio.to_thread(condition):
            assert asyncio.get_running_loop().time() < deadline, (what, self.rows())
            await asyncio.sleep(0.05)

    def deliveries_to(self, *targets: WebhookTarget) -> Deliveries:
        """What tells targets; it does nothing by itself before it is started."""
        return Deliveries(targets, self.database, Metrics(), lambda: self.now)

    @asynccontextmanager
    async def telling(self, *targets: WebhookTarget) -> Any:
        """A process that tells of alerts, within the block."""
        deliveries = self.deliveries_to(*targets)
        deliveries.start()
        try:
            yield deliveries
        finally:
            await deliveries.stop()


async def rounds(deliveries: Deliveries) -> None:
    """Plan what there is, then try once what is due."""
    while await deliveries._round() == 0.0:
        pass
    for courier in deliveries._couriers:
        await courier._round()


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres() as url:
        yield url


@pytest.fixture
def house(database: Database) -> House:
    """A house without alerts."""
    return House(database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks."""
    with receiving() as receiver:
        yield receiver


async def test_beginning_and_end_are_told_once_when_an_alert_comes_and_goes(house: House, receiver: Receiver) -> None:
    alert_id = house.begin()
    house.begin()  # counts on the same alert
    async with house.telling(hook(receiver.port), hook(receiver.port, "critical")):
        await house.until(lambda: receiver.events == ["alert.raised"], "the beginning")
        house.end()
        await house.until(lambda: len(receiver.events) == 2, "the end")
    assert receiver.events == ["alert.raised", "alert.resolved"]
    first, last = (request.content for request in receiver.received)
    assert (first["alert"]["id"], first["alert"]["resolved_at"]) == (alert_id, None)
    assert (last["alert"]["id"], last["alert"]["resolved_at"]) == (alert_id, "2026-11-23T12:00:00Z")
    assert first["delivery"] != last["delivery"]
    assert house.rows() == [("raised", "sent", 1), ("resolved", "sent", 1)]


async def test_nothing_is_lost_when_the_process_ends_before_the_target_is_back(house: House) -> None:
    port = free_port()
    house.begin()
    async with house.telling(hook(port)):
        await house.until(lambda: house.rows() == [("raised", "pending", 1)], "a try in vain")
    house.end()  # while nobody tells
    house.begin("other")
    house.now += timedelta(seconds=FIRST_PAUSE_S)
    with receiving() as receiver:
        target = hook(port)
        target._target = hook(receiver.port)._target  # the receiver is back, on a port that is surely free
        async with house.telling(target):
            await house.until(lambda: len(receiver.events) == 3, "all of it")
        told = [(request.content["alert"]["title"], request.content["event"]) for request in receiver.received]
        assert sorted(told) == [("T k", "alert.raised"), ("T k", "alert.resolved"), ("T other", "alert.raised")]
        assert told.index(("T k", "alert.raised")) < told.index(("T k", "alert.resolved"))
    assert [state for _, state, _ in house.rows()] == ["sent"] * 3


async def test_it_is_given_up_and_seen_when_a_target_never_answers(house: House, receiver: Receiver) -> None:
    house.begin()
    dead, alive = hook(free_port()), hook(receiver.port)
    deliveries = house.deliveries_to(dead, alive)
    for tries in range(1, MOST_TRIES + 1):
        await rounds(deliveries)
        assert ("raised", tries) in _of(house, dead.name)
        assert (f"delivery:{dead.name}" in open_alerts(house.database)) == (tries >= ALARMING_TRIES)
        house.now += timedelta(seconds=MOST_PAUSE_S)
    await rounds(deliveries)
    failed = [row for row in house.deliveries() if row.target == dead.name]
    assert [(row.state, row.attempts) for row in failed] == [("failed", MOST_TRIES)]
    assert "no connection" in str(failed[0].last_error)
    alert = open_alerts(house.database)[f"delivery:{dead.name}"]
    assert alert.title == "Alert delivery failing"
    assert f"in {MOST_TRIES} tries (given up)" in alert.message
    assert [request.content["alert"]["title"] for request in receiver.received] == ["T k", "Alert delivery failing"]


async def test_alert_of_a_target_ends_when_it_takes_something_again(house: House, receiver: Receiver) -> None:
    receiver.statuses = [503] * ALARMING_TRIES
    house.begin()
    target = hook(receiver.port)
    deliveries = house.deliveries_to(target)
    for _ in range(ALARMING_TRIES):
        assert f"delivery:{target.name}" not in open_alerts(house.database)
        await rounds(deliveries)
        house.now += timedelta(seconds=MOST_PAUSE_S)
    assert f"delivery:{target.name}" in open_alerts(house.database)
    await rounds(deliveries)
    assert house.rows() == [("raised", "sent", ALARMING_TRIES + 1)]
    assert set(open_alerts(house.database)) == {"k"}
    await rounds(deliveries)
    # The target itself was told neither of its own failure nor of its end.
    assert {request.content["alert"]["title"] for request in receiver.received} == {"T k"}


async def test_others_are_told_and_the_end_comes_at_once_when_a_target_hangs(house: House, receiver: Receiver) -> None:
    with black_hole() as port:
        hanging = hook(port)
        async with house.telling(hanging, hook(receiver.port)):
            house.begin()
            await house.until(lambda: receiver.events == ["alert.raised"], "the other target")
            await house.until(lambda: ("raised", 1) in _of(house, hanging.name), "the hanging try")
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 9  # the try itself would last ten seconds
    # The try that was cut off counts for nothing and is made at once by the next process.
    (row,) = [row for row in house.deliveries() if row.target == hanging.name]
    assert (row.state, row.attempts, row.next_try_at) == ("pending", 0, _NOON)


async def test_cause_is_told_again_later_when_it_comes_and_goes(house: House, receiver: Receiver) -> None:
    deliveries = house.deliveries_to(hook(receiver.port))
    house.begin()
    await rounds(deliveries)
    for _ in range(3):  # three times more within a minute; the last one stays
        house.end()
        await rounds(deliveries)
        house.now += timedelta(seconds=10)
        house.begin()
        await rounds(deliveries)
    assert receiver.events == ["alert.raised", "alert.resolved"]
    house.now += QUIET
    await rounds(deliveries)
    await rounds(deliveries)
    assert receiver.events == ["alert.raised", "alert.resolved", "alert.raised"]
    states = [state for _, state, _ in house.rows()]
    assert (states.count("sent"), states.count("skipped"), states.count("pending")) == (3, 4, 0)


def test_critical_alert_is_told_at_once_when_its_cause_comes_again(house: House) -> None:
    target = hook(1)
    for key, severity in (("a", "critical"), ("b", "error")):
        for _ in range(2):
            house.begin(key, severity)  # type: ignore[arg-type]
            house.write(lambda session: plan(session, [target], house.now))
            house.end(key)
            house.write(lambda session: plan(session, [target], house.now))
    due = [(row.dedupe_key, row.next_try_at - _NOON) for row in house.deliveries() if row.event == "raised"]
    nothing = timedelta(0)
    assert due == [("a", nothing), ("a", nothing), ("b", nothing), ("b", QUIET)]


async def test_rest_is_given_up_when_a_target_is_no_more(house: House) -> None:
    house.begin()
    async with house.telling(hook(free_port())):
        await house.until(lambda: house.rows() == [("raised", "pending", 1)], "a try in vain")
    async with house.telling():
        await house.until(lambda: house.rows() == [("raised", "failed", 1)], "the end of the target")
    assert "not in the settings any more" in str(house.deliveries()[0].last_error)


def test_pauses_grow_and_differ_when_tries_fail() -> None:
    for tries in range(1, MOST_TRIES + 1):
        longest_s = min(MOST_PAUSE_S, FIRST_PAUSE_S * 2 ** (tries - 1))
        drawn = {pause_after(tries).total_seconds() for _ in range(50)}
        assert longest_s / 2 <= min(drawn) <= max(drawn) <= longest_s
        assert len(drawn) > 10


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_only_one_replica_has_a_delivery_when_several_want_it(
    kind: str, house: House, request: pytest.FixtureRequest
) -> None:
    replicas = [house]
    if kind == "postgresql":
        engines = [create_engine(str(request.getfixturevalue("postgres_url"))) for _ in range(2)]
        upgrade(engines[0])
        replicas = [House(Database(engine, queue_size=64)) for engine in engines]
    target = hook(1)
    replicas[0].begin()
    planned = [replica.write(lambda session: plan(session, [target], _NOON)) for replica in replicas]
    assert sum(planned) == 1
    (row,) = replicas[0].deliveries()

    def take(now: datetime) -> list[Any]:
        jobs = [
            replica.database.write(lambda session: attempts.take(session, row.id or 0, target.name, now))
            for replica in replicas * 2
        ]
        return [taken for taken in (job.result(timeout=30) for job in jobs) if taken is not None]

    (first,) = take(_NOON)
    assert take(_NOON) == []
    (second,) = take(_NOON + LEASE)  # the first one died
    assert (first.attempts, second.attempts) == (1, 2)
    replicas[0].write(lambda session: attempts.note_told(session, first, None, _NOON))
    assert replicas[0].rows() == [("raised", "pending", 2)]  # a late word of the dead counts for nothing
    replicas[-1].write(lambda session: attempts.note_told(session, second, None, _NOON))
    assert replicas[0].rows() == [("raised", "sent", 2)]
    for replica in replicas:
        if replica is not house:
            replica.database.close()


def _of(house: House, target: str) -> list[tuple[str, int]]:
    return [(row.event, row.attempts) for row in house.deliveries() if row.target == target]

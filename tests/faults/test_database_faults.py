"""The database is locked, corrupted, gone, stopped, its connections cut: no answer that is not true, and then on."""

import os
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from serving.app import create_app
from serving.database import Database, create_engine
from serving.schema import upgrade
from serving.settings import Settings
from serving.users import repository
from serving.users import service as users
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import until
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import PASSWORD, bearer, log_in
from tests.serving.postgres import Cluster, is_installed, postgres_cluster
from tests.serving.server import serve

RED = png_bytes(square_picture("red"))


def send(client: httpx.Client, key: str) -> httpx.Response:
    return client.post("/api/v1/inspect", files={"file": ("x", RED)}, headers={"Idempotency-Key": key})


def is_taken(client: httpx.Client, key: str) -> bool:
    return send(client, key).status_code == 200


def stored_ids(client: httpx.Client) -> set[str]:
    return {row["id"] for row in client.get("/api/v1/inspections?limit=500").json()["inspections"]}


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    environment = environment_of(settings, LOG_LEVEL="ERROR")
    with closing(KillableApi(forker, environment, tmp_path / "api.log")) as api:
        api.start()
        yield api


@pytest.fixture
def line(api: KillableApi) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.base_url, timeout=120, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        yield client


@pytest.mark.slow
@pytest.mark.prove("durability", "another process holds the lock of the SQLite database")
def test_parts_are_refused_and_reads_go_on_while_the_database_is_locked(
    line: httpx.Client, settings: Settings, proof: Proof
) -> None:
    held_s = proof.size(short=7.0, full=30.0)  # the API waits 5 s for a lock
    assert send(line, "before").status_code == 200
    with closing(sqlite3.connect(settings.data_dir / "ussop.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began_s, refused, listed = time.monotonic(), Counter[str](), 0
        while time.monotonic() < began_s + held_s:
            answer = send(line, "while")
            refused[f"{answer.status_code} {answer.json().get('code', '')}"] += 1
            assert "Retry-After" in answer.headers
            listed += line.get("/api/v1/inspections").status_code == 200
        other.execute("ROLLBACK")
    healed_s = until(lambda: send(line, "while").status_code == 200, "parts are inspected again")
    proof.note(locked_s=held_s, **{f"answered_{kind}": count for kind, count in refused.items()})
    proof.note(reads_meanwhile=listed, healed_s=healed_s)
    assert set(refused) == {"503 storage"}
    assert listed == sum(refused.values())
    assert line.get("/api/v1/inspections").json()["total"] == 2


@pytest.mark.slow
@pytest.mark.prove("durability", "the SQLite file is overwritten with noise under a running API")
def test_no_part_is_acknowledged_that_a_corrupted_database_does_not_hold(
    api: KillableApi, line: httpx.Client, settings: Settings, proof: Proof
) -> None:
    assert send(line, "before").status_code == 200
    file = settings.data_dir / "ussop.db"
    with closing(sqlite3.connect(file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = file.stat().st_size
    with file.open("r+b") as pages:
        pages.seek(4096)
        pages.write(os.urandom(size - 4096))
        pages.flush()
        os.fsync(pages.fileno())
    statuses = Counter[int]()
    acknowledged = []
    for number in range(proof.size(short=10, full=100)):
        answer = send(line, str(number))
        statuses[answer.status_code] += 1
        if answer.is_success:
            acknowledged.append(answer.json()["id"])
    readable = {key for key in acknowledged if line.get(f"/api/v1/inspect/{key}").status_code == 200}
    proof.note(**{f"status_{status}": count for status, count in statuses.items()})
    proof.note(acknowledged=len(acknowledged), lost=len(acknowledged) - len(readable))
    assert set(statuses) <= {200, 401, 503}
    assert readable == set(acknowledged)
    assert statuses[503] + statuses[401] > 0, "the noise hit nothing"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    if not is_installed():
        pytest.skip("PostgreSQL is not installed on this machine")
    with postgres_cluster() as cluster:
        engine = create_engine(cluster.url)
        upgrade(engine)
        database = Database(engine, queue_size=8)
        user = users.new_user("operator", PASSWORD, ["operator"])
        database.write(partial(repository.add, user=user)).result(timeout=30)
        database.close()
        yield cluster


@pytest.mark.slow
@pytest.mark.prove("durability", "PostgreSQL stops, starts, and cuts its connections")
def test_nothing_is_lost_or_doubled_when_postgresql_comes_and_goes(
    settings: Settings, cluster: Cluster, proof: Proof
) -> None:
    acknowledged: dict[str, str] = {}
    rounds, healed_s = proof.size(short=1, full=10), []
    app = create_app(settings.model_copy(update={"database_url": cluster.url}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=120, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        cutter, refused = create_engine(cluster.url), 0
        cut = text("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        for number in range(rounds):
            keys = [f"{number}-{part}" for part in range(6)]
            assert send(client, keys[0]).status_code == 200
            cluster.stop()
            down = [send(client, keys[1]) for _ in range(3)]
            refused += len(down)
            assert {(answer.status_code, answer.json()["code"]) for answer in down} == {(503, "storage")}
            cluster.start()
            healed_s.append(until(partial(is_taken, client, keys[1]), "it is back"))
            with cutter.connect() as connection:
                connection.execute(cut)
            for key in keys[2:]:
                until(partial(is_taken, client, key), "a cut connection is made anew")
            acknowledged |= {key: send(client, key).json()["id"] for key in keys}
        cutter.dispose()
        rows = stored_ids(client)
        total = client.get("/api/v1/inspections").json()["total"]
    proof.note(stops=rounds, refused=refused, acknowledged=len(acknowledged), doubled=total - len(acknowledged))
    proof.note(lost=len(set(acknowledged.values()) - rows), healed_s_worst=max(healed_s))
    assert rows == set(acknowledged.values())
    assert total == len(acknowledged)

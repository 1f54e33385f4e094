"""Passes of retention over the API: what goes, what stays, what is refused, and what a crash in between leaves."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Connection, event, text

from serving.command.service_account import ensure_service_account
from serving.inspections.repair import Repair
from serving.settings import Settings
from serving.storage import repository
from serving.storage.removal import finish_removals
from tests.serving.conftest import bearer
from tests.serving.storage.stock import CONTENT, Stock

PASSES = "/api/v1/storage/retention/passes"


def begin(client: httpx.Client, **wanted: bool) -> dict[str, Any]:
    answer = client.post(PASSES, json=wanted)
    assert answer.status_code == 201, answer.text
    begun: dict[str, Any] = answer.json()
    return begun


def go_on(client: httpx.Client, begun: dict[str, Any], limit: int = 4) -> dict[str, Any]:
    answer = client.post(f"{PASSES}/{begun['id']}/chunks", json={"limit": limit})
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def run(client: httpx.Client, **wanted: bool) -> dict[str, Any]:
    """The pass when it has ended, whichever way."""
    done = begin(client, **wanted)
    while done["state"] == "running":
        done = go_on(client, done)
    return done


def audited(client: httpx.Client) -> list[str]:
    return [entry["action"] for entry in client.get("/api/v1/audit").json()["entries"]]


def test_old_pictures_go_and_their_inspections_stay_when_a_pass_runs(admin: httpx.Client, shelf: Stock) -> None:
    old, young = shelf.add("pass", 40, count=9), shelf.add("pass", 5, count=191)
    statistics = admin.get("/api/v1/inspections", params={"limit": 1}).json()["total"]
    done = run(admin)
    assert (done["state"], done["planned"], done["deleted"], done["failed"]) == ("finished", 9, 9, 0)
    assert (done["stored"], done["deleted_bytes"]) == (200, 9 * len(CONTENT))
    assert (shelf.left_of(old), shelf.left_of(young), shelf.to_remove()) == ([], young, [])
    assert admin.get("/api/v1/inspections", params={"limit": 1}).json()["total"] == statistics == 200
    record = admin.get(f"/api/v1/inspect/{old[0]}").json()
    assert datetime.fromisoformat(record["picture_deleted_at"]) > shelf.now
    answer = admin.get(record["image_url"])
    assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    assert "retention deleted this picture on 2" in answer.json()["detail"]
    assert admin.get(admin.get(f"/api/v1/inspect/{young[0]}").json()["image_url"]).content == CONTENT
    assert audited(admin)[:2] == ["retention.finished", "retention.begun"]
    assert run(admin)["deleted"] == 0
    assert admin.delete(f"/api/v1/inspect/{old[0]}").status_code == 200


@pytest.mark.prove("clocks", "retention that would delete much at once")
def test_nothing_goes_and_people_hear_of_it_when_too_much_would(admin: httpx.Client, shelf: Stock) -> None:
    old = shelf.add("pass", 40, count=6)
    ids = [*old, *shelf.add("pass", 5, count=94)]
    refused = run(admin)
    assert (refused["state"], refused["deleted"]) == ("refused", 0)
    assert "6 of 100 stored pictures" in refused["reason"]
    assert shelf.left_of(ids) == ids
    assert shelf.open_alerts() == ["Retention refused"]
    assert admin.post(f"{PASSES}/{refused['id']}/chunks").status_code == 409
    told = run(admin, allow_more=True)
    assert (told["state"], told["deleted"]) == ("finished", 6)
    assert shelf.left_of(ids) == ids[6:]
    assert shelf.open_alerts() == []
    assert audited(admin)[:3] == ["retention.finished", "retention.begun", "retention.refused"]


@pytest.mark.prove("clocks", "retention after the clock jumped forward by 400 days")
def test_nothing_goes_when_the_clock_jumps_forward(admin: httpx.Client, app: FastAPI, shelf: Stock) -> None:
    ids = shelf.add("pass", 5, count=50)
    app.state.platform = replace(app.state.platform, clock=lambda: datetime.now(UTC) + timedelta(days=400))
    for wanted in ({}, {"allow_more": True}):
        refused = run(admin, **wanted)
        assert (refused["state"], refused["deleted"]) == ("refused", 0)
        assert "clock was set forward by 9600 h" in refused["reason"]
    assert shelf.left_of(ids) == ids


@pytest.mark.prove("clocks", "retention where the clock was 400 days ahead before the start")
def test_nothing_goes_when_the_clock_was_ahead_before_the_start(
    admin: httpx.Client, app: FastAPI, shelf: Stock
) -> None:
    ids = shelf.add("pass", 5, count=50)
    app.state.platform = replace(
        app.state.platform,
        clock=lambda: datetime.now(UTC) + timedelta(days=400),
        clock_watch=type(app.state.platform.clock_watch)(lambda: datetime.now(UTC) + timedelta(days=400)),
    )
    assert "50 of 50" in run(admin)["reason"]
    assert shelf.left_of(ids) == ids


def test_nothing_goes_when_it_is_a_dry_run(admin: httpx.Client, shelf: Stock) -> None:
    ids = shelf.add("fail", 400, count=150)
    told = run(admin, dry_run=True)
    assert (told["state"], told["planned"], told["planned_bytes"]) == ("dry_run", 50, 50 * len(CONTENT))
    assert "50 of 150" in told["reason"]
    assert run(admin, dry_run=True, allow_more=True)["reason"] is None
    assert shelf.left_of(ids) == ids
    assert shelf.open_alerts() == []
    assert "retention.begun" not in audited(admin)
    assert admin.post(f"{PASSES}/{told['id']}/chunks").status_code == 409
    assert admin.get("/api/v1/storage/usage").json()["last_cleanup"] is None


def protect_by_hold(client: httpx.Client, _shelf: Stock, inspection_id: str) -> None:
    answer = client.put(f"/api/v1/inspect/{inspection_id}/hold", json={"reason": "complaint 4711"})
    assert answer.status_code == 200, answer.text


def protect_by_queue(client: httpx.Client, _shelf: Stock, inspection_id: str) -> None:
    entry = {"inspection_id": inspection_id, "reasons": [{"strategy": "diversity", "score": 0.5}]}
    answer = client.post("/api/v1/active-learning/items", json={"items": [entry]})
    assert (answer.status_code, answer.json()["added"]) == (200, 1), answer.text


@pytest.mark.parametrize("protect", [protect_by_hold, protect_by_queue])
def test_picture_stays_when_it_is_protected_while_a_pass_runs(
    admin: httpx.Client, shelf: Stock, protect: Callable[[httpx.Client, Stock, str], None]
) -> None:
    ids = shelf.add("pass", 40, count=10)
    begun = begin(admin, allow_more=True)
    go_on(admin, begun)
    protect(admin, shelf, ids[7])
    while begun["state"] == "running":
        begun = go_on(admin, begun)
    assert (begun["planned"], begun["deleted"]) == (10, 9)
    assert shelf.left_of(ids) == [ids[7]]


def test_deleted_picture_can_neither_be_held_nor_queued_when_it_is_too_late(admin: httpx.Client, shelf: Stock) -> None:
    (gone,) = shelf.add("pass", 40)
    run(admin, allow_more=True)
    assert admin.put(f"/api/v1/inspect/{gone}/hold", json={"reason": "complaint"}).status_code == 409
    entry = {"inspection_id": gone, "reasons": [{"strategy": "diversity", "score": 0.5}]}
    answer = admin.post("/api/v1/active-learning/items", json={"items": [entry]}).json()
    assert (answer["added"], answer["unknown"]) == (0, [gone])


def test_earlier_pass_ends_when_a_later_one_begins(admin: httpx.Client, shelf: Stock) -> None:
    ids = shelf.add("pass", 40, count=10)
    first = begin(admin, allow_more=True)
    assert go_on(admin, first)["deleted"] == 4
    second = begin(admin, allow_more=True)
    assert (second["stored"], second["planned"]) == (6, 6)
    answer = admin.post(f"{PASSES}/{first['id']}/chunks")
    assert (answer.status_code, answer.json()["detail"]) == (409, "the pass is superseded")
    while second["state"] == "running":
        second = go_on(admin, second)
    assert (second["deleted"], shelf.left_of(ids)) == (6, [])
    assert admin.post(f"{PASSES}/no-such-pass/chunks").status_code == 404


@pytest.mark.parametrize("finish", ["repair", "next pass"])
def test_files_go_when_the_process_died_before_it_removed_them(admin: httpx.Client, shelf: Stock, finish: str) -> None:
    ids = shelf.add("pass", 400, count=450)
    job = partial(repository.mark_deleted, inspection_ids=ids, last_failures=2, now=shelf.now)
    paths = [marked.image_path for marked in shelf.database.write(job).result(timeout=30)]
    shelf.media.remove_all(paths[:100])  # and the power went off before anybody struck them off
    assert sum(shelf.media.find(path) is not None for path in paths) == 350
    if finish == "repair":
        # Which looks at the last days only: the list brings it to the old ones.
        (shelf.media.root / ".repaired").write_text(f"{shelf.now:%Y-%m-%d}\n")
        Repair(shelf.database, shelf.media).run(shelf.now)
        assert shelf.open_alerts() == []  # no picture is missed
    else:
        assert run(admin)["planned"] == 0
    assert (shelf.left_of(ids), shelf.to_remove()) == ([], [])


def test_file_is_tried_again_when_it_cannot_be_removed(admin: httpx.Client, shelf: Stock) -> None:
    stuck, goes = shelf.add("pass", 40, count=2)
    file = shelf.media.root / shelf.inspection(stuck).image_path
    file.unlink()
    file.mkdir()  # what unlink refuses, whoever runs the test
    done = run(admin, allow_more=True)
    assert (done["deleted"], done["failed"], done["deleted_bytes"]) == (2, 1, len(CONTENT))
    assert shelf.to_remove() == [shelf.inspection(stuck).image_path]
    assert not shelf.has_picture(goes)
    file.rmdir()
    run(admin)
    assert shelf.to_remove() == []


def test_nothing_outside_goes_when_a_row_names_another_file(shelf: Stock, settings: Settings) -> None:
    (inspection_id,) = shelf.add("pass", 40)
    with shelf.database.engine.begin() as connection:
        connection.execute(text("UPDATE inspections SET image_path = '../ussop.db'"))
    job = partial(repository.mark_deleted, inspection_ids=[inspection_id], last_failures=0, now=shelf.now)
    assert shelf.database.write(job).result(timeout=30)[0].image_path == "../ussop.db"
    finish_removals(shelf.database, shelf.media)
    assert (settings.data_dir / "ussop.db").is_file()
    assert shelf.to_remove() == ["../ussop.db"]


def test_picture_stays_when_the_database_cannot_be_written(admin: httpx.Client, app: FastAPI, shelf: Stock) -> None:
    ids = shelf.add("pass", 40, count=3)
    begun = begin(admin, allow_more=True)

    def refuse(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA query_only=1")

    event.listen(app.state.platform.database.engine, "begin", refuse)
    answer = admin.post(f"{PASSES}/{begun['id']}/chunks")
    event.remove(app.state.platform.database.engine, "begin", refuse)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage")
    with shelf.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only=0")
    assert shelf.left_of(ids) == ids


def test_the_platforms_own_account_drives_a_pass_when_it_logs_in(
    admin: httpx.Client, settings: Settings, shelf: Stock
) -> None:
    account = json.loads(ensure_service_account(settings).read_text())
    token = admin.post("/api/v1/auth/login", json=account).json()["access_token"]
    shelf.add("pass", 40)
    answer = admin.post(PASSES, json={"allow_more": True}, headers=bearer(token))
    assert answer.status_code == 201
    answer = admin.post(f"{PASSES}/{answer.json()['id']}/chunks", headers=bearer(token))
    assert (answer.status_code, answer.json()["deleted"]) == (200, 1)


@pytest.mark.parametrize("body", [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"all": True}])
def test_chunk_is_refused_when_it_makes_no_sense(admin: httpx.Client, shelf: Stock, body: dict[str, object]) -> None:
    shelf.add("pass", 40)
    begun = begin(admin, allow_more=True)
    assert admin.post(f"{PASSES}/{begun['id']}/chunks", json=body).status_code == 422


def test_indexes_answer_when_there_are_many_pictures(shelf: Stock) -> None:
    steps: list[str] = []

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT"):
            raw = connection.connection.driver_connection
            assert raw is not None
            steps.extend(row[3] for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters))

    event.listen(shelf.database.engine, "before_cursor_execute", explain)
    with shelf.database.read() as session:
        repository.next_candidates(session, "fail", shelf.now, after=None, last_failures=9, limit=9)
        repository.stored(session)
    event.remove(shelf.database.engine, "before_cursor_execute", explain)
    told = "\n".join(steps)
    assert "USING INDEX ix_inspections_pictures (decision=? AND created_at<?)" in told
    assert "INDEX ix_inspections_failures (station_id=? AND created_at>?)" in told
    assert "COVERING INDEX ix_inspections_pictures" in told

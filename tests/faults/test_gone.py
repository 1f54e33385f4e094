"""Files that are moved away, removed or replaced under a running API: nobody is told that a part is stored there."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import httpx
import pytest

from serving.media.store import INCOMING
from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import Client, Line, assert_all_is_there, note_what_is_there, sending, until
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in, settings_on

CLIENTS = 3
_LOOKED_AT = "/api/v1/inspections?limit=1"


@pytest.fixture(scope="module")
def settings(prepared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_on(shutil.copytree(prepared_data_dir, tmp_path_factory.mktemp("gone") / "var"))


@pytest.fixture(scope="module")
def api(forker: Forker, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KillableApi]:
    log = tmp_path_factory.mktemp("log") / "api.log"
    with closing(KillableApi(forker, environment_of(settings, LOG_LEVEL="ERROR"), log)) as api:
        api.start()
        yield api


@pytest.fixture(scope="module")
def engineer(api: KillableApi) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=api.base_url, timeout=60, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "engineer")))
        yield client


def health_of(client: httpx.Client) -> tuple[int, bool]:
    answer = client.get("/api/v1/health")
    return answer.status_code, answer.json()["storage"]["available"]


def refused_while(
    line: Line, client: httpx.Client, break_it: Callable[[], object], mend_it: Callable[[], object]
) -> int:
    """Parts that were refused between the two; health says no, and yes again afterwards."""
    before = line.count(503)
    break_it()
    until(lambda: line.count(503) >= before + 2 * CLIENTS, "parts are refused")
    told = len(line.acknowledged)
    until(lambda: line.count(503) >= before + 4 * CLIENTS, "more parts are refused")
    assert len(line.acknowledged) == told, "a part was acknowledged that is stored nowhere"
    assert health_of(client) == (503, False)
    mend_it()
    until(lambda: health_of(client) == (200, True), "it is healthy again")
    told = len(line.acknowledged)
    until(lambda: len(line.acknowledged) > told + CLIENTS, "parts are acknowledged again")
    return line.count(503) - before


@pytest.mark.slow
@pytest.mark.prove(
    "durability", "database, its log, and the picture folder moved away while three clients send, and back"
)
def test_nothing_is_acknowledged_that_is_not_there_when_files_are_moved_away(
    api: KillableApi, engineer: httpx.Client, settings: Settings, proof: Proof
) -> None:
    places = [settings.data_dir / "ussop.db", settings.data_dir / "ussop.db-wal", settings.media_dir]
    token = log_in(engineer, "operator")
    clients = [Client(api.base_url, token, proof.seed + n, refusals=frozenset({503})) for n in range(CLIENTS)]
    rounds, refused = proof.size(short=1, full=20), 0
    with sending(clients) as line:
        until(lambda: len(line.acknowledged) > CLIENTS, "parts are acknowledged")
        for _ in range(rounds):
            for place in places:
                away = place.with_name(f"{place.name}.away")
                refused += refused_while(line, engineer, partial(place.rename, away), partial(away.rename, place))
    assert line.wrong == []
    proof.note(faults=rounds * len(places), refused=refused)
    api.kill()
    note_what_is_there(settings, line.acknowledged, proof)
    assert_all_is_there(settings, line.acknowledged, nothing_else=False)
    api.start()


@pytest.mark.slow
def test_folder_is_not_taken_for_ours_when_its_disk_is_not_mounted(
    api: KillableApi, engineer: httpx.Client, settings: Settings
) -> None:
    """What would be kept in the empty folder would be hidden once the disk is back."""
    token, away = log_in(engineer, "operator"), settings.media_dir.with_name("mounted-elsewhere")

    def unmount() -> None:
        settings.media_dir.rename(away)
        settings.media_dir.mkdir()

    def mount() -> None:
        shutil.rmtree(settings.media_dir)
        away.rename(settings.media_dir)

    with sending([Client(api.base_url, token, n, refusals=frozenset({503})) for n in range(CLIENTS)]) as line:
        refused_while(line, engineer, unmount, mount)
        alerts = engineer.get("/api/v1/alerts").json()["alerts"]
        assert "Storage failing" in {alert["title"] for alert in alerts}
    assert line.wrong == []
    assert (settings.media_dir / INCOMING).is_dir()


@pytest.mark.slow
def test_api_refuses_until_it_is_started_anew_when_another_database_takes_the_place(
    api: KillableApi, engineer: httpx.Client, settings: Settings
) -> None:
    database, aside = settings.data_dir / "ussop.db", settings.data_dir / "aside.db"
    token = log_in(engineer, "operator")
    database.rename(aside)
    shutil.copyfile(aside, database)
    with httpx.Client(base_url=api.base_url, headers=bearer(token), timeout=60, trust_env=False) as client:
        assert client.get(_LOOKED_AT).status_code == 503
        assert health_of(client) == (503, False)
    api.kill()
    aside.rename(database)  # the log beside it belongs to this one
    api.start()
    assert engineer.get(_LOOKED_AT).status_code == 200


@pytest.mark.slow
def test_no_empty_database_is_made_when_the_file_is_removed(
    api: KillableApi, engineer: httpx.Client, settings: Settings
) -> None:
    database, aside = settings.data_dir / "ussop.db", settings.data_dir / "aside.db"
    database.rename(aside)
    with httpx.Client(base_url=api.base_url, headers=engineer.headers, timeout=60, trust_env=False) as client:
        assert {client.get(_LOOKED_AT).status_code for _ in range(20)} == {503}
    assert not database.exists()
    aside.rename(database)
    assert engineer.get(_LOOKED_AT).status_code == 200

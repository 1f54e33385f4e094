"""A line whose results are stored past the camera and the network, at the rate asked for; the rest is the platform."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx
from sqlalchemy import Connection
from sqlmodel import Session

from serving.app import create_app
from serving.database import open_database
from serving.logging import configure_logging
from serving.platform import Platform
from serving.secrets_file import with_secret_key
from serving.settings import Settings
from serving.stations.service import ensure_exists
from serving.tables import User
from serving.users import repository
from serving.users import service as users
from tests.bench.inspect_latency import simulated_pictures
from tests.bench.platform import ADMIN_PASSWORD
from tests.serving.past import _TABLES, Part, row_of
from tests.serving.server import serve


@dataclass(frozen=True)
class LineOfEvents:
    """A running platform, and what makes its inspections.

    Attributes:
        client: Of its API, not logged in.
        password: Of its user `admin`.
        platform: Into which results are stored.
        pictures: Columns of real pictures, which the results show by turns.
    """

    client: httpx.Client
    password: str
    platform: Platform
    pictures: list[dict[str, object]]

    def store_for(self, seconds: float, stations: int, rate: int) -> int:
        """How many results were stored within that time, evenly, station by station; without a rate it waits."""
        began_s, stored = time.monotonic(), 0
        while (left_s := began_s + seconds - time.monotonic()) > 0:
            if rate == 0:
                time.sleep(left_s)
                break
            self._store(f"line-{stored % stations}", stored)
            stored += 1
            time.sleep(max(0.0, began_s + stored / rate - time.monotonic()))
        return stored

    def _store(self, station_id: str, number: int) -> None:
        now, one = datetime.now(UTC), str(uuid4())
        decision = "fail" if number % 7 == 0 else "pass"
        part = Part(now, decision, station_id, f"E-{number}", more=dict(self.pictures[number % len(self.pictures)]))
        event = {"type": "inspection", "created_at": now, "data": {"id": one, "station_id": station_id}}

        def write(connection: Connection) -> None:
            connection.execute(_TABLES["inspections"].insert(), [row_of(one, part)])
            connection.execute(_TABLES["events"].insert(), [event])

        self.platform.database.write_rows(write).result(60)


@contextmanager
def line_of_events(folder: Path, stations: int) -> Iterator[LineOfEvents]:
    """A platform in this process, with so many stations that have inspected one part each."""
    app = create_app(bench_settings(folder, stations))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client:
        client.get("/api/v1/health").raise_for_status()  # answered once the platform is there
        yield LineOfEvents(
            client, ADMIN_PASSWORD, app.state.platform, _real_pictures(client, app.state.platform, stations)
        )


def bench_settings(folder: Path, stations: int) -> Settings:
    """The settings of a platform in that folder which has an administrator and so many stations."""
    settings = Settings(
        _env_file=None,
        data_dir=folder,
        database_url=f"sqlite:///{folder / 'ussop.db'}",
        rate_limit_default="1000000/minute",
        mlflow_port=1,
        prefect_port=1,
    )
    from serving.command.preparation import prepare_bundle, prepare_data_dir, prepare_database  # noqa: PLC0415

    prepare_data_dir(settings)
    settings = with_secret_key(settings)
    prepare_database(settings)
    prepare_bundle(settings)
    configure_logging(settings.model_copy(update={"log_level": "ERROR"}))
    _people_and_stations(settings, stations)
    return settings


def _people_and_stations(settings: Settings, stations: int) -> None:
    database = open_database(settings)
    found = users.new_user("admin", ADMIN_PASSWORD, ["admin"])
    database.write(partial(_add, user=found)).result(30)
    for number in range(stations):
        database.write(partial(ensure_exists, station_id=f"line-{number}", now=datetime.now(UTC))).result(30)
    database.close()


def _add(session: Session, user: User) -> None:
    if repository.find_by_username(session, user.username) is None:
        repository.add(session, user)


def _real_pictures(client: httpx.Client, platform: Platform, stations: int) -> list[dict[str, object]]:
    """The columns that say where a picture lies, of real inspections, one at each station."""
    login = {"username": "admin", "password": ADMIN_PASSWORD}
    token = client.post("/api/v1/auth/login", json=login).raise_for_status().json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    for number, picture in enumerate(simulated_pictures(stations)):
        files = {"file": ("part.jpg", picture, "image/jpeg")}
        data = {"station_id": f"line-{number}"}
        client.post("/api/v1/inspect", files=files, data=data, headers=headers).raise_for_status()
    wanted = [
        _TABLES["inspections"].c[name]
        for name in ("image_path", "image_sha256", "image_media_type", "image_bytes", "width_px", "height_px")
    ]
    with platform.database.read() as session:
        rows = session.connection().execute(_TABLES["inspections"].select().with_only_columns(*wanted))
        return [dict(row._mapping) for row in rows]

"""A plant with a past, whose questions go to a language service on this machine. One server for the whole folder."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anthropic  # noqa: F401 - its import may take longer than a question
import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from serving.app import create_app
from serving.clock import utc_now
from serving.database import Database, open_database
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.past import Part, Past
from tests.serving.query.fake_service import KEY, FakeService, fake_service
from tests.serving.server import serve

QUESTION = "How many scratches were found at Station 3 this week?"


@dataclass(frozen=True)
class AskedPlant:
    """The running plant.

    Attributes:
        app: The application.
        client: A client with a viewer's token.
        fake: The language service.
        database: The plant's database, opened a second time.
        settings: Its settings.
        inspected_id: An inspection with a picture, of station `line-3`.
    """

    app: FastAPI
    client: httpx.Client
    fake: FakeService
    database: Database
    settings: Settings
    inspected_id: str

    def ask(self, question: str = QUESTION, **headers: str) -> httpx.Response:
        """The answer to a question."""
        return self.client.post("/api/v1/query", json={"question": question}, headers=headers)


def settings_of(data_dir: Path, **more: Any) -> Settings:
    """Settings on a data folder, without limits that get in the way."""
    return Settings(
        _env_file=None,
        data_dir=data_dir,
        database_url=f"sqlite:///{data_dir / 'ussop.db'}",
        secret_key=SecretStr("0123456789abcdef" * 2),
        rate_limit_default="1000000/minute",
        rate_limit_login="1000000/minute",
        storage_alarm_free_percent=0,
        storage_reserve_mb=0,
        mlflow_port=1,
        prefect_port=1,
        inference_workers=1,
        **more,
    )


def store_past(database: Database) -> None:
    """13 scratches at `line-3` within the last week, and others elsewhere and earlier."""
    now, past = utc_now(), Past(database)
    past.store(
        *(
            Part(now - timedelta(hours=2 + i), "fail", "line-3", f"p-{i}", defects=[("scratch", 1.5)])
            for i in range(13)
        ),
        Part(now - timedelta(days=9), "fail", "line-3", defects=[("scratch", 1.5)]),
        *(Part(now - timedelta(hours=2 + i), "pass", "line-1") for i in range(23)),
        *(Part(now - timedelta(hours=2 + i), "uncertain", "press", defects=[("dent", None)]) for i in range(4)),
    )


@pytest.fixture(scope="package")
def plant_of_questions(prepared_data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AskedPlant]:
    """The plant; four more scratches are really found, in one picture."""
    data_dir = tmp_path_factory.mktemp("query") / "var"
    shutil.copytree(prepared_data_dir, data_dir)
    with fake_service() as (fake, url):
        settings = settings_of(data_dir, vlm_enabled=True, anthropic_api_key=SecretStr(KEY), anthropic_base_url=url)
        app, database = create_app(settings), open_database(settings)
        store_past(database)
        with serve(app) as base, httpx.Client(base_url=base, timeout=30.0, trust_env=False) as client:
            picture = {"file": ("x.png", png_bytes(square_picture("red")))}
            operator = bearer(log_in(client, "operator"))
            form = {"station_id": "line-3", "part_id": "real"}
            made = client.post("/api/v1/inspect", files=picture, data=form, headers=operator).json()
            client.headers.update(bearer(log_in(client, "viewer")))
            yield AskedPlant(app, client, fake, database, settings, made["id"])
        database.close()


@pytest.fixture
def plant(plant_of_questions: AskedPlant) -> AskedPlant:
    """The plant, with a language service that was asked nothing yet."""
    plant_of_questions.fake.forget()
    return plant_of_questions

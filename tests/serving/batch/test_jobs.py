"""Batch jobs at the API, with Prefect away. With Prefect: tests/flows/test_inspect_batch.py."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

from serving.batch import repository
from serving.batch.schemas import BatchReport, PictureError, picture_key
from serving.client import ClientError, ServiceAccount, UssopClient
from serving.command.service_account import ensure_service_account
from serving.database import Database
from serving.settings import Settings
from serving.tables import AuditEntry
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer

_URL = "/api/v1/batch/jobs"


@pytest.fixture
def inbox(settings: Settings) -> Path:
    """A folder of pictures where jobs may read."""
    folder = settings.data_dir / "inbox" / "shift_a"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def platform_client(client: httpx.Client, settings: Settings) -> UssopClient:
    """A client under the platform's own account."""
    account = ServiceAccount.read(ensure_service_account(settings))
    return UssopClient(str(client.base_url), account)


def _create(client: httpx.Client, token: str, folder: object, **changes: Any) -> httpx.Response:
    body = {"name": "Shift A", "input_dir": str(folder), "file_pattern": "*.png", **changes}
    return client.post(_URL, json=body, headers=bearer(token))


def test_job_waits_when_it_was_created(client: httpx.Client, operator_token: str, inbox: Path) -> None:
    created = _create(client, operator_token, inbox)
    assert created.status_code == 201, created.text
    job = created.json()
    assert (job["status"], job["progress"], job["total"], job["processed"]) == ("pending", 0.0, None, 0)
    assert job["input_dir"] == str(inbox)
    assert job["decisions"] == {"pass": 0, "fail": 0, "uncertain": 0}
    assert client.get(f"{_URL}/{job['id']}", headers=bearer(operator_token)).json() == job
    listed = client.get(_URL, headers=bearer(operator_token)).json()
    assert listed == {"jobs": [job], "total": 1}


def test_folder_is_found_when_its_path_is_relative(client: httpx.Client, operator_token: str, inbox: Path) -> None:
    assert _create(client, operator_token, "shift_a").json()["input_dir"] == str(inbox)


def test_job_is_refused_when_its_folder_lies_elsewhere(
    client: httpx.Client, operator_token: str, inbox: Path, tmp_path: Path
) -> None:
    (inbox / "out").symlink_to(tmp_path)
    (inbox / "file").write_bytes(b"")
    for folder in ("/etc", f"{inbox}/../..", inbox / "out", inbox / "file", inbox / "missing", "a\0b", "../../.."):
        answer = _create(client, operator_token, folder)
        assert answer.status_code == 422, folder
        assert "BATCH_ROOTS" in answer.json()["detail"]


@pytest.mark.parametrize("pattern", ["", "/etc/*", "../*", "a/../../*", "..", "a\\b", "a\nb", "x" * 129])
def test_job_is_refused_when_the_pattern_leads_elsewhere(
    client: httpx.Client, operator_token: str, inbox: Path, pattern: str
) -> None:
    assert _create(client, operator_token, inbox, file_pattern=pattern).status_code == 422


@pytest.mark.parametrize("changes", [{"name": ""}, {"name": "a\nb"}, {"station_id": "a b"}, {"shell": "rm"}])
def test_job_is_refused_when_a_field_is_bad(
    client: httpx.Client, operator_token: str, inbox: Path, changes: dict[str, str]
) -> None:
    assert _create(client, operator_token, inbox, **changes).status_code == 422


def test_job_stays_pending_when_prefect_is_away(client: httpx.Client, operator_token: str, inbox: Path) -> None:
    job = _create(client, operator_token, inbox).json()
    started = client.post(f"{_URL}/{job['id']}/start", headers=bearer(operator_token))
    assert (started.status_code, started.json()["code"]) == (503, "jobs_unavailable")
    assert int(started.headers["Retry-After"]) > 0
    assert client.get(f"{_URL}/{job['id']}", headers=bearer(operator_token)).json()["status"] == "pending"


def test_job_is_cancelled_once_when_it_waits(
    client: httpx.Client, operator_token: str, inbox: Path, database: Database
) -> None:
    job = _create(client, operator_token, inbox).json()
    cancelled = client.post(f"{_URL}/{job['id']}/cancel", headers=bearer(operator_token))
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    again = client.post(f"{_URL}/{job['id']}/cancel", headers=bearer(operator_token))
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    with database.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.subject == f"batch-job/{job['id']}")).all()
    assert [(e.action, e.actor_name) for e in entries] == [
        ("batch.created", "operator"),
        ("batch.cancelled", "operator"),
    ]


def test_nothing_is_found_when_the_job_does_not_exist(client: httpx.Client, operator_token: str) -> None:
    for method, path in (("GET", "/none"), ("POST", "/none/start"), ("POST", "/none/cancel")):
        assert client.request(method, _URL + path, headers=bearer(operator_token)).status_code == 404


def test_progress_is_counted_when_the_platform_inspects_for_a_job(
    client: httpx.Client, operator_token: str, inbox: Path, platform_client: UssopClient
) -> None:
    job, other = (_create(client, operator_token, inbox).json()["id"] for _ in range(2))
    pictures = {"a": square_picture(None), "b": square_picture("red"), "c": square_picture("pale_red")}
    with platform_client as platform:
        for name, pixels in pictures.items():
            for _ in range(2):  # the second time nothing is stored
                platform.inspect(png_bytes(pixels), idempotency_key=picture_key(job, name * 40))
        platform.inspect(png_bytes(pictures["a"]), idempotency_key=picture_key(other, "a" * 40))
        problem = PictureError(file="d.png", problem="cannot be read")
        platform.report_batch(job, BatchReport(total=8, failed=1, errors=[problem]))
        with pytest.raises(ClientError) as caught:
            platform.report_batch("none", BatchReport(total=8, failed=1))
    assert caught.value.status == 404
    shown = client.get(f"{_URL}/{job}", headers=bearer(operator_token)).json()
    assert shown["decisions"] == {"pass": 1, "fail": 1, "uncertain": 1}
    assert (shown["processed"], shown["failed"], shown["total"], shown["progress"]) == (4, 1, 8, 50.0)
    assert shown["errors"] == [problem.model_dump()]


def test_counts_stay_apart_when_somebody_else_uses_the_key(
    client: httpx.Client, operator_token: str, inbox: Path, database: Database
) -> None:
    job = _create(client, operator_token, inbox).json()["id"]
    headers = {**bearer(operator_token), "Idempotency-Key": picture_key(job, "a" * 40)}
    files = {"file": png_bytes(square_picture(None))}
    assert client.post("/api/v1/inspect", files=files, headers=headers).status_code == 200
    with database.read() as session:
        assert repository.decision_counts(session, job).passed == 0


def test_report_is_refused_when_a_person_sends_it(client: httpx.Client, admin_token: str, inbox: Path) -> None:
    job = _create(client, admin_token, inbox).json()["id"]
    for body in ({"total": 1, "failed": 0}, {}):
        assert client.put(f"{_URL}/{job}/report", json=body, headers=bearer(admin_token)).status_code == 403

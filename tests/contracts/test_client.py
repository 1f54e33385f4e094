"""The Python client, call by call, and the page's own example."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.batch.schemas import BatchJobIn
from serving.client import ApiKey, ClientError, ServiceAccount, UssopClient
from serving.training.schemas import TrainingIn
from tests.contracts.running import Running
from tests.contracts.written import PAGE
from tests.pictures import png_bytes, square_picture
from tests.serving.audit.acts import Stage
from tests.serving.conftest import PASSWORD


@pytest.fixture
def client(platform: Running) -> Iterator[UssopClient]:
    """An engineer's client with an API key."""
    with UssopClient(platform.url, ApiKey(key=platform.callers["engineer key"]["X-API-Key"])) as client:
        yield client


def test_inspections_come_back_typed_when_a_picture_was_sent(client: UssopClient) -> None:
    seen = client.events().last_seq
    made = client.inspect(png_bytes(square_picture("red")), station_id="client", part_id="17")
    assert (made.decision, made.detections[0].class_name) == ("fail", "scratch")
    assert client.inspection(made.id).part_id == "17"
    listed = client.inspections(station_id="client", decision="fail", limit=10)
    assert made.id in {each.id for each in listed.inspections}
    assert client.picture(made.image_url) == png_bytes(square_picture("red"))
    told = client.events(seen, types="inspection", wait_s=20.0, station_id="client")
    assert [event.data["id"] for event in told.events] == [made.id]
    assert client.statistics(hours=1, station_id="client").failed >= 1
    assert len(client.trends(hours=2).labels) == len(client.trends(hours=2).total)


def test_camera_is_asked_under_either_account_when_told(client: UssopClient, platform: Running) -> None:
    first = client.inspect_camera("client", "18", idempotency_key="camera-18")
    assert (first.source, first.part_id) == ("camera", "18")
    assert client.inspect_camera("client", "18", idempotency_key="camera-18", timeout_s=20.0).id == first.id
    viewer = platform.callers["viewer"]["Authorization"].removeprefix("Bearer ")
    with pytest.raises(ClientError) as refused:
        client.inspect_camera("client", token=viewer)
    assert refused.value.status == 403


def test_alert_is_seen_when_acknowledged(client: UssopClient, stage: Stage) -> None:
    alert = stage.alert()
    assert client.acknowledge(alert).acknowledged
    assert alert in {each.id for each in client.alerts(severity="info", acknowledged=True).alerts}


def test_batch_job_can_be_followed_when_made(client: UssopClient, platform: Running) -> None:
    (platform.settings.data_dir / "inbox").mkdir(exist_ok=True)
    job = client.create_batch(BatchJobIn(name="Shift A", input_dir=str(platform.settings.data_dir / "inbox")))
    assert job.id in {each.id for each in client.batches().jobs}
    with pytest.raises(ClientError, match="Prefect") as refused:
        client.start_batch(job.id)
    assert (refused.value.status, refused.value.api_code, refused.value.is_passing) == (503, "jobs_unavailable", True)
    assert client.cancel_batch(job.id).status == client.batch(job.id).status == "cancelled"


def test_training_and_models_say_what_is_away_when_asked(client: UssopClient) -> None:
    for call in (client.training, client.stop_training, lambda: client.start_training(TrainingIn())):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.api_code == "jobs_unavailable"
    assert client.models().registry == "unavailable"
    for switch in (client.deploy, client.roll_back):
        with pytest.raises(ClientError) as refused:
            switch("99")
        assert refused.value.api_code == "registry_unavailable"


def test_password_does_as_well_as_a_key_when_logging_in(platform: Running) -> None:
    with UssopClient(
        platform.url, ServiceAccount.model_validate({"username": "operator", "password": PASSWORD})
    ) as own:
        assert own.inspections(limit=1).limit == 1
        with pytest.raises(ClientError) as refused:
            own.start_training(TrainingIn())
        assert (refused.value.status, refused.value.api_code, refused.value.is_passing) == (403, "forbidden", False)


def test_example_of_the_page_works_when_run(
    platform: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "part.png").write_bytes(png_bytes(square_picture("red")))
    monkeypatch.chdir(tmp_path)
    key = platform.callers["operator key"]["X-API-Key"]
    exec(compile(code.replace("http://localhost:8080", platform.url), "docs/api.md", "exec"), {"KEY": key})  # noqa: S102
    said = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("{")]
    assert re.fullmatch(r"fail \['scratch'(, 'scratch')*\]", said[0])
    assert said[-1] == "404 not_found"
    assert any(line.endswith(" fail") for line in said[2:-1])

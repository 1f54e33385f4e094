"""The end of a job is told to those who follow the events, though nobody asks for the job: a real API and Prefect."""

from collections.abc import Iterator
from typing import Any

import pytest

from models.bundle import Bundle
from serving.clock import utc_now
from serving.database import Database, create_engine
from serving.events.outbox import publish
from tests.flows.api_process import Api, api_process
from tests.pictures import png_bytes, square_picture
from tests.prefect_platform import PrefectPlatform
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]


@pytest.fixture(scope="module")
def api(platform: PrefectPlatform, tiny_bundle: Bundle) -> Iterator[Api]:
    """An API process on the platform's data folder, prepared as `ussop up` does."""
    with api_process(platform, tiny_bundle) as running:
        yield running


class Ear:
    """Follows the jobs."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._after = int(api.call("GET", "/events")["last_seq"])
        self.heard: list[dict[str, Any]] = []

    def has_heard(self, job_id: str, status: str) -> bool:
        """Whether it was told by now that a job came to that."""
        page = self._api.call("GET", f"/events?types=job&after={self._after}&wait_s=1")
        self._after = page["last_seq"]
        self.heard += [event["data"] for event in page["events"]]
        return any((told["id"], told["status"]) == (job_id, status) for told in self.heard)


def test_end_of_jobs_is_told_when_nobody_asks_for_them(platform: PrefectPlatform, api: Api) -> None:
    folder = platform.folder / "inbox" / "told"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(png_bytes(square_picture("red")))
    ear = Ear(api)
    job_id = api.started(folder, "told")
    wait_until(lambda: ear.has_heard(job_id, "completed"), "the end of the batch job is told", 120.0)
    statuses = [told["status"] for told in ear.heard if told["id"] == job_id]
    assert (statuses[0], statuses[-1]) == ("pending", "completed")
    assert "running" in statuses
    last = ear.heard[-1]
    assert (last["kind"], last["total"], last["error"]) == ("batch", 1, None)

    # A training, as followers were told of it when it began; its run has ended meanwhile.
    run_id = last["flow_run_id"]
    database = Database(create_engine(f"sqlite:///{platform.folder / 'ussop.db'}"), queue_size=8)
    told = {"kind": "training", "id": run_id, "name": "ft-1", "status": "running"}
    database.write(lambda session: publish(session, "job", told, utc_now())).result(20)
    database.close()
    wait_until(lambda: ear.has_heard(run_id, "completed"), "the end of the training is told", 60.0)

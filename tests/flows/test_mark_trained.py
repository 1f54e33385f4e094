"""Pictures of a training count as trained, also where the API was away at first; where that cannot be, it is said."""

import json

import pytest

from models.bundle import Bundle
from tests.flows.api_process import Api, api_process
from tests.flows.in_flow import run_in_flow, start_in_flow
from tests.prefect_platform import PrefectPlatform
from tests.serving.datasets.archives import coco_files, zip_of
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.training]
IMPORTS = "from flows.fine_tune import _tell_api"


def _imported(api: Api) -> str:
    """The id of a data set of three pictures."""
    files = {"file": ("pictures.zip", zip_of(coco_files()))}
    started = api.call("POST", "/datasets/import", files=files, data={"name": "monday"})

    def done() -> str | None:
        state = api.call("GET", f"/datasets/imports/{started['id']}")
        return str(state["dataset_id"]) if state["state"] == "finished" else None

    return str(wait_until(done, "the import is done"))


def test_pictures_count_as_trained_when_the_api_comes_back(platform: PrefectPlatform, tiny_bundle: Bundle) -> None:
    with api_process(platform, tiny_bundle) as api:
        dataset_id = _imported(api)
        assert api.call("GET", "/active-learning/stats")["trained"] == 0
    with start_in_flow(platform, IMPORTS, f"_tell_api({dataset_id!r}, '7')") as process:
        assert process.stderr is not None
        wait_until(lambda: "does not answer" in str(process.stderr and process.stderr.readline()), "it asked once")
        with api_process(platform, tiny_bundle) as api:
            output, _ = process.communicate(timeout=120)
            assert json.loads(output) == []
            assert api.call("GET", "/active-learning/stats")["trained"] == 3


def test_said_at_once_when_the_api_refuses(platform: PrefectPlatform, tiny_bundle: Bundle) -> None:
    with api_process(platform, tiny_bundle):
        (said,) = json.loads(run_in_flow(platform, IMPORTS, "_tell_api('none', '7')", timeout_s=30))
    assert "there is no such data set" in said
    assert "POST /api/v1/datasets/none/trained" in said


def test_said_at_once_when_there_is_no_service_account(platform: PrefectPlatform) -> None:
    file = platform.folder / "service-account.json"
    kept = file.read_bytes() if file.is_file() else None
    file.unlink(missing_ok=True)
    try:
        (said,) = json.loads(run_in_flow(platform, IMPORTS, "_tell_api('d1', '7')", timeout_s=30))
    finally:
        if kept is not None:
            file.write_bytes(kept)
    assert "service-account.json" in said


def test_nothing_is_asked_when_the_data_set_is_none_of_the_api(platform: PrefectPlatform) -> None:
    assert json.loads(run_in_flow(platform, IMPORTS, "_tell_api('', '7')", timeout_s=30)) == []

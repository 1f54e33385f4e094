"""Runs in a real MLflow server: what was logged can be read back by plain REST, and the end is told truly."""

import pytest
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.rest import MlflowRest
from registry.runs import TrackedRun, tracked_run
from registry.version import TAG_FLOW_RUN
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.training]
EXPERIMENT = "runs"


class _Stopped(BaseException):
    """Like Prefect's order to end."""


def _status(url: str, run: TrackedRun) -> str:
    return str(MlflowClient(url, url).get_run(run.run_id).info.status)


def test_run_is_found_with_its_newest_metrics_when_looked_for_by_tag(mlflow_url: str, tiny_bundle: Bundle) -> None:
    tags = {TAG_FLOW_RUN: "flow-1"}
    with tracked_run(mlflow_url, name="a", params={"epochs": 2}, tags=tags, experiment=EXPERIMENT) as run:
        run.log_dataset("labelled", "d" * 64, source="/somewhere")
        run.log_metrics({"metrics/mAP50(B)": 0.25, "loss": float("nan")}, step=1)
        run.log_metrics({"metrics/mAP50(B)": 0.5}, step=2)
        version = run.publish(tiny_bundle, tags={"ussop.base_version": "1"}, name="of-runs")
    assert _status(mlflow_url, run) == "FINISHED"
    with MlflowRest(mlflow_url) as rest:
        found = rest.find_run(EXPERIMENT, TAG_FLOW_RUN, "flow-1")
        assert found is not None
        assert (found.run_id, found.metrics) == (run.run_id, {"metrics/mAP50_B_": 0.5})
        assert rest.find_run(EXPERIMENT, TAG_FLOW_RUN, "flow-2") is None
        assert rest.find_run("no such experiment", TAG_FLOW_RUN, "flow-1") is None
        assert rest.version("of-runs", version).run_id == run.run_id


@pytest.mark.parametrize(("error", "status"), [(ValueError, "FAILED"), (_Stopped, "KILLED")])
def test_run_says_how_it_ended_when_it_did_not_finish(mlflow_url: str, error: type[BaseException], status: str) -> None:
    seen: list[TrackedRun] = []

    def work() -> None:
        with tracked_run(mlflow_url, name="b", params={}, tags={}, experiment=EXPERIMENT) as run:
            seen.append(run)
            raise error

    with pytest.raises(error):
        work()
    assert _status(mlflow_url, seen[0]) == status


def test_metrics_are_lost_and_the_training_goes_on_when_mlflow_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    url = f"http://127.0.0.1:{free_port()}"
    TrackedRun(MlflowClient(url, url), "0" * 32).log_metrics({"loss": 1.0}, step=1)

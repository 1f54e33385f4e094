"""Runs of a training in MLflow: parameters, metrics, the data set, and the version that came of it.

Of the writing half, like `registry.publish`: it imports mlflow, and serving never reaches it.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunStatus
from mlflow.exceptions import MlflowException

from models.bundle import Bundle
from registry.publish import publish_bundle
from registry.version import MODEL_NAME

_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_\-./ ]")
_DIGEST_LENGTH: Final = 36  # MLflow's limit; the whole one stands in the tags
# Without it MLflow's pages offer prompts and judges instead of metrics, curves and versions.
_KIND: Final = {"mlflow.experimentKind": "custom_model_development"}
_log = logging.getLogger(__name__)


class TrackedRun:
    """An open run; see `tracked_run`."""

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        """Takes the connection and the id."""
        self._client = client
        self.run_id = run_id

    def log_metrics(self, values: Mapping[str, float], *, step: int) -> None:
        """Logs metrics of one step. A server that is away costs the metrics, not hours of training."""
        now_ms = int(time.time() * 1000)
        metrics = [Metric(_NOT_IN_NAMES.sub("_", key), value, now_ms, step) for key, value in values.items()]
        try:
            self._client.log_batch(self.run_id, metrics=metrics)
        except MlflowException as error:
            _log.warning("metrics of step %d are lost: %s", step, error)

    def log_dataset(self, name: str, digest: str, *, source: str, context: str = "training") -> None:
        """Notes what the run learns from.

        Args:
            name: Name for people.
            digest: Of the data set; MLflow keeps the first 36 characters.
            source: Where it lies.
            context: What it serves.

        Raises:
            MlflowException: The server refuses or does not answer.
        """
        dataset = Dataset(name=name, digest=digest[:_DIGEST_LENGTH], source_type="local", source=source)
        tag = InputTag("mlflow.data.context", context)
        self._client.log_inputs(self.run_id, [DatasetInput(dataset=dataset, tags=[tag])])

    def log_files(self, folder: Path) -> None:
        """Keeps the files of a folder as artifacts of the run.

        Raises:
            MlflowException: The server refuses or does not answer.
        """
        self._client.log_artifacts(self.run_id, str(folder))

    def publish(self, bundle: Bundle, *, tags: Mapping[str, str], name: str = MODEL_NAME) -> str:
        """The number of the new version that the run made.

        Raises:
            MlflowException: The server refuses or does not answer.
        """
        return publish_bundle(self._client, bundle, run_id=self.run_id, tags=tags, name=name).version


def experiment_named(client: MlflowClient, name: str) -> str:
    """The id of the experiment of that name, made now if there is none.

    Raises:
        MlflowException: The server refuses or does not answer.
    """
    known = client.get_experiment_by_name(name)
    if known is not None:
        return str(known.experiment_id)
    return str(client.create_experiment(name, tags=_KIND))


@contextmanager
def tracked_run(
    url: str, *, name: str, params: Mapping[str, Any], tags: Mapping[str, str], experiment: str = MODEL_NAME
) -> Iterator[TrackedRun]:
    """A run that ends with the block: finished, failed on an error, killed when the process is told to end.

    Raises:
        MlflowException: The server refuses or does not answer.
    """
    client = MlflowClient(url, url)
    experiment_id = experiment_named(client, experiment)
    run_id = str(client.create_run(experiment_id, run_name=name, tags=dict(tags)).info.run_id)
    status = RunStatus.KILLED
    try:
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])
        yield TrackedRun(client, run_id)
        status = RunStatus.FINISHED
    except Exception:
        status = RunStatus.FAILED
        raise
    finally:  # a stop is a BaseException, and leaves the run killed
        _end(client, run_id, status)


def _end(client: MlflowClient, run_id: str, status: int) -> None:
    try:
        client.set_terminated(run_id, RunStatus.to_string(status))
    except MlflowException as error:
        _log.warning("run %s stays open: %s", run_id, error)

"""A run that exists already: read what it keeps, add to it, publish what was made of it later.

Of the writing half, like `registry.runs`: it imports mlflow, and serving never reaches it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from registry.errors import RegistryError, RegistryUnavailableError, UnknownVersionError
from registry.runs import TrackedRun


class StoredRun(TrackedRun):
    """A run by its id; see `stored_run`. Adding to it does not open it again."""

    def __init__(self, client: MlflowClient, run_id: str, tags: Mapping[str, str]) -> None:
        """Takes the connection, the id and the tags that the run has."""
        super().__init__(client, run_id)
        self.tags = dict(tags)

    def set_tag(self, key: str, value: str) -> None:
        """Sets a tag.

        Raises:
            MlflowException: The server refuses or does not answer.
        """
        self._client.set_tag(self.run_id, key, value)
        self.tags[key] = value

    def fetch(self, path: str, target: Path) -> Path:
        """The file or folder of the run's artifacts, copied below `target`.

        Raises:
            RegistryError: The run keeps nothing of that name.
            RegistryUnavailableError: The server does not answer.
        """
        folder, _, name = path.rpartition("/")
        try:
            if name not in {
                entry.path.rpartition("/")[2] for entry in self._client.list_artifacts(self.run_id, folder)
            }:
                raise RegistryError(f"run {self.run_id} keeps no {path}")
            return Path(self._client.download_artifacts(self.run_id, path, str(target)))
        except (MlflowException, OSError) as error:
            raise RegistryUnavailableError(f"{path} of run {self.run_id} cannot be fetched: {error}") from error

    def add_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Adds rows to a table, which the run's page in MLflow shows; made if it does not exist.

        Raises:
            MlflowException: The server refuses or does not answer.
        """
        columns = {key: [row[key] for row in rows] for key in rows[0]} if rows else {}
        self._client.log_table(self.run_id, data=columns, artifact_file=f"{name}.json")


def stored_run(url: str, run_id: str) -> StoredRun:
    """A run of the server at `url`.

    Raises:
        UnknownVersionError: There is no such run.
        RegistryUnavailableError: The server does not answer.
    """
    client = MlflowClient(url, url)
    try:
        run = client.get_run(run_id)
    except MlflowException as error:
        if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise UnknownVersionError(f"there is no run {run_id}") from error
        raise RegistryUnavailableError(f"the registry does not answer: {error.error_code}") from error
    return StoredRun(client, run_id, run.data.tags)

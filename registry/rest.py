"""The registry over plain REST: what serving needs of MLflow, without importing it (174 MiB and 1.3 s saved).

Every call ends within the timeout: MLflow's own client waits four minutes for a server that is down.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote

import httpx

from registry.errors import RegistryError, RegistryUnavailableError, UnknownVersionError
from registry.version import ModelVersion, TrackedMetrics

_API: Final = "/api/2.0/mlflow"
_ARTIFACTS: Final = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE: Final = 200
MAX_DOWNLOAD_BYTES: Final = 512 * 2**20
MAX_DOWNLOAD_FILES: Final = 500
MAX_DOCUMENT_BYTES: Final = 8 * 2**20


class MlflowRest:
    """A connection to an MLflow server. Safe to use from several threads."""

    def __init__(self, base_url: str, *, timeout_s: float = 3.0) -> None:
        """Takes the server's address; nothing is sent before the first call."""
        # Where nothing is encrypted, nobody need read the authorities' certificates: it takes a tenth of a second.
        has_tls = not base_url.startswith("http:")
        self._client = httpx.Client(base_url=base_url, timeout=timeout_s, trust_env=False, verify=has_tls)

    def __enter__(self) -> Self:
        """The connection itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    def version_of_alias(self, name: str, alias: str) -> ModelVersion:
        """The version that an alias points at.

        Raises:
            UnknownVersionError: No such model or alias.
            RegistryUnavailableError: The server does not answer.
        """
        answer = self._get("registered-models/alias", name=name, alias=alias)
        return self.version(name, str(answer["model_version"]["version"]))

    def version(self, name: str, version: str) -> ModelVersion:
        """One version with its aliases.

        Raises:
            UnknownVersionError: No such version.
            RegistryUnavailableError: The server does not answer.
        """
        return ModelVersion.from_json(self._get("model-versions/get", name=name, version=version)["model_version"])

    def versions(self, name: str) -> list[ModelVersion]:
        """Every version of a model, newest first; empty where the model does not exist yet.

        Raises:
            RegistryUnavailableError: The server does not answer.
        """
        aliases = self._aliases_by_version(name)
        found: list[ModelVersion] = []
        token = ""
        while True:
            page = {"filter": f"name='{_quoted(name)}'", "max_results": str(_PAGE), "page_token": token}
            answer = self._get("model-versions/search", **{k: v for k, v in page.items() if v})
            # The search leaves the aliases out (seen in MLflow 3.17).
            found.extend(
                ModelVersion.from_json({**content, "aliases": aliases.get(str(content["version"]), [])})
                for content in answer.get("model_versions", [])
            )
            token = str(answer.get("next_page_token") or "")
            if not token:
                return sorted(found, key=lambda v: -int(v.version))

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Makes an alias point at a version; one call of the server, so followers see the old one or the new one.

        Raises:
            UnknownVersionError: No such version.
            RegistryUnavailableError: The server does not answer.
        """
        self._send("POST", "registered-models/alias", {"name": name, "alias": alias, "version": version})

    def delete_alias(self, name: str, alias: str) -> None:
        """Takes an alias away; fine if it does not exist.

        Raises:
            RegistryUnavailableError: The server does not answer.
        """
        try:
            self._send("DELETE", "registered-models/alias", {"name": name, "alias": alias})
        except UnknownVersionError:
            return

    def set_tag(self, name: str, version: str, key: str, value: str) -> None:
        """Sets a tag of a version.

        Raises:
            UnknownVersionError: No such version.
            RegistryUnavailableError: The server does not answer.
        """
        self._send("POST", "model-versions/set-tag", {"name": name, "version": version, "key": key, "value": value})

    def find_run(self, experiment: str, tag: str, value: str) -> TrackedMetrics | None:
        """The newest run of an experiment with that tag, None if there is none.

        Raises:
            RegistryUnavailableError: The server does not answer.
        """
        try:
            found = self._get("experiments/get-by-name", experiment_name=experiment)["experiment"]
        except UnknownVersionError:
            return None
        body = {
            "experiment_ids": [found["experiment_id"]],
            "filter": f"tags.`{tag}` = '{_quoted(value)}'",
            "max_results": 1,
        }
        runs = self._send("POST", "runs/search", body).get("runs", [])
        return TrackedMetrics.from_json(runs[0]) if runs else None

    def run_page(self, run_id: str) -> str:
        """Path and fragment of a run's page in the MLflow UI, to be put behind the server's address.

        Raises:
            UnknownVersionError: No such run.
            RegistryUnavailableError: The server does not answer.
        """
        info = self._get("runs/get", run_id=run_id)["run"]["info"]
        return f"/#/experiments/{info['experiment_id']}/runs/{run_id}"

    def run_file_path(self, run_id: str, path: str) -> str:
        """Path of one of a run's artifacts, to be put behind the server's address.

        Raises:
            UnknownVersionError: No such run.
            RegistryError: Artifacts elsewhere than behind the server.
            RegistryUnavailableError: The server does not answer.
        """
        info = self._get("runs/get", run_id=run_id)["run"]["info"]
        return _file_address(info.get("artifact_uri"), path)

    def read_run_file(self, run_id: str, path: str) -> bytes:
        """One file of a run's artifacts.

        Raises:
            UnknownVersionError: No such run or file.
            RegistryError: Artifacts elsewhere than behind the server, or a file of more than 8 MiB.
            RegistryUnavailableError: The server does not answer.
        """
        return self._read_file(self.run_file_path(run_id, path), path)

    def read_version_file(self, version: ModelVersion, path: str) -> bytes:
        """One file of a version's artifacts.

        Raises:
            UnknownVersionError, RegistryError, RegistryUnavailableError: As `read_run_file`.
        """
        answer = self._get("model-versions/get-download-uri", name=version.name, version=version.version)
        return self._read_file(_file_address(answer.get("artifact_uri"), path), path)

    def download(self, version: ModelVersion, folder: str, target: Path) -> None:
        """Copies one folder of a version's artifacts into `target`, which must exist.

        Args:
            version: The version.
            folder: Folder below its artifacts.
            target: Where the files go.

        Raises:
            RegistryError: Artifacts elsewhere than behind the server, hostile names, or too much of it.
            RegistryUnavailableError: The server does not answer.
        """
        answer = self._get("model-versions/get-download-uri", name=version.name, version=version.version)
        budget = _Budget()
        self._download_folder(f"{_path_of(str(answer.get('artifact_uri', '')))}/{folder}", target, budget)
        if not budget.files:
            raise RegistryError(f"version {version.version} has no {folder} (were its artifacts collected?)")

    def _read_file(self, address: str, name: str) -> bytes:
        content = bytearray()
        with _translated(), self._client.stream("GET", address) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise UnknownVersionError(f"there is no artifact {name}")
            answer.raise_for_status()
            for block in answer.iter_bytes(1 << 16):
                content += block
                if len(content) > MAX_DOCUMENT_BYTES:
                    raise RegistryError(f"the artifact {name} is too large")
        return bytes(content)

    def _download_folder(self, path: str, target: Path, budget: "_Budget") -> None:
        with _translated():
            answer = self._client.get(_ARTIFACTS, params={"path": path})
            content = _checked(answer)
        for entry in content.get("files", []):
            name = str(entry["path"]).rpartition("/")[2]
            if name in {"", ".", ".."} or "\\" in name or "\0" in name:
                raise RegistryError(f"hostile artifact name {name!r}")
            budget.count_file()
            if entry.get("is_dir"):
                (target / name).mkdir()
                self._download_folder(f"{path}/{name}", target / name, budget)
            else:
                self._download_file(f"{path}/{name}", target / name, budget)

    def _download_file(self, path: str, target: Path, budget: "_Budget") -> None:
        with _translated(), self._client.stream("GET", f"{_ARTIFACTS}/{quote(path)}") as answer:
            answer.raise_for_status()
            with target.open("xb") as file:
                for block in answer.iter_bytes(1 << 20):
                    budget.count_bytes(len(block))
                    file.write(block)

    def _aliases_by_version(self, name: str) -> dict[str, list[str]]:
        try:
            answer = self._get("registered-models/get", name=name)
        except UnknownVersionError:
            return {}
        aliases: dict[str, list[str]] = {}
        for entry in answer["registered_model"].get("aliases", []):
            aliases.setdefault(str(entry["version"]), []).append(str(entry["alias"]))
        return aliases

    def _get(self, path: str, **query: str) -> dict[str, Any]:
        with _translated():
            return _checked(self._client.get(f"{_API}/{path}", params=query))

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with _translated():
            return _checked(self._client.request(method, f"{_API}/{path}", json=body))


class _Budget:
    """Stops a download that is larger than any bundle."""

    def __init__(self) -> None:
        self.files = 0
        self._bytes = 0

    def count_file(self) -> None:
        self.files += 1
        if self.files > MAX_DOWNLOAD_FILES:
            raise RegistryError("the version has more files than any bundle")

    def count_bytes(self, count: int) -> None:
        self._bytes += count
        if self._bytes > MAX_DOWNLOAD_BYTES:
            raise RegistryError("the version is larger than any bundle")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise RegistryError(f"the registry answered {error.response.status_code}") from error
    except (httpx.HTTPError, ValueError) as error:
        raise RegistryUnavailableError(f"the registry does not answer: {type(error).__name__}") from error


def _checked(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code in {400, 404}:
        content = answer.json()
        if content.get("error_code") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise UnknownVersionError(str(content.get("message", "not in the registry")))
    if answer.status_code >= 500:
        raise RegistryUnavailableError(f"the registry answered {answer.status_code}")
    answer.raise_for_status()
    content = answer.json()
    if not isinstance(content, dict):
        raise RegistryError("the registry's answer is no JSON object")
    return content


def _file_address(uri: object, path: str) -> str:
    inside = f"{_path_of(str(uri or ''))}/{path}"
    return f"{_ARTIFACTS}/{quote(inside)}"


def _path_of(uri: str) -> str:
    """Where an artifact lies behind the server.

    Raises:
        RegistryError: It lies elsewhere.
    """
    if not uri.startswith("mlflow-artifacts:/"):
        raise RegistryError(f"its artifacts lie elsewhere: {uri or 'nowhere'}")
    return uri.removeprefix("mlflow-artifacts:").strip("/")


def _quoted(name: str) -> str:
    return name.replace("'", "")

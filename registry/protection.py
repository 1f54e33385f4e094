"""Lets MLflow's server delete nothing that an alias points at, whoever asks: its UI, its client, or plain REST.

MLflow itself deletes such a version together with its aliases, without a word (seen in 3.17). The guard stands in
front of the two stores, behind every route, so that no way of writing a request leads past it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial, wraps
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_CONFLICT

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

_PAGE: Final = 100
Store = Any  # MLflow's stores carry no types


def protect_aliased(registry: Store, tracking: Store, artifacts: Store) -> None:
    """Puts the guard in front of what deletes: versions, models, runs, experiments, logged models and artifacts.

    Args:
        registry: The store of the registered models.
        tracking: The store of experiments, runs and logged models.
        artifacts: Where the files lie.
    """
    needed = partial(_needed_versions, registry)

    def is_version(found: ModelVersion, name: str, version: object) -> bool:
        return found.name == name and str(found.version) == str(version)

    def is_model(found: ModelVersion, name: str, **_: object) -> bool:
        return found.name == name

    def is_run(found: ModelVersion, run_id: str) -> bool:
        return found.run_id == run_id

    def is_experiment(found: ModelVersion, experiment_id: str) -> bool:
        return bool(found.run_id) and tracking.get_run(found.run_id).info.experiment_id == str(experiment_id)

    def is_logged_model(found: ModelVersion, model_id: str) -> bool:
        return model_id in {found.model_id, str(found.source).removeprefix("models:/")}

    def is_artifact(found: ModelVersion, artifact_path: str | None = None) -> bool:
        uri = registry.get_model_version_download_uri(found.name, found.version)
        kept = PurePosixPath(uri.removeprefix("mlflow-artifacts:").strip("/"))
        gone = PurePosixPath((artifact_path or "").strip("/"))
        return kept.is_relative_to(gone) or gone.is_relative_to(kept)

    _guard(registry, "delete_model_version", needed, is_version)
    _guard(registry, "delete_registered_model", needed, is_model)
    # The platform asks for the model by its name: another one is as good as gone.
    _guard(registry, "rename_registered_model", needed, is_model)
    _guard(tracking, "delete_run", needed, is_run)
    _guard(tracking, "delete_experiment", needed, is_experiment)
    _guard(tracking, "delete_logged_model", needed, is_logged_model)
    _guard(artifacts, "delete_artifacts", needed, is_artifact)


def _needed_versions(registry: Store) -> Iterator[tuple[str, ModelVersion]]:
    token = None
    while True:
        page = registry.search_registered_models(max_results=_PAGE, page_token=token)
        for model in page:
            # A search leaves the aliases out; asked by name, a model has them.
            aliases: dict[str, Any] = registry.get_registered_model(model.name).aliases
            for alias, version in aliases.items():
                yield alias, registry.get_model_version(model.name, str(version))
        token = page.token
        if not token:
            return


def _guard(
    store: object, method: str, needed: Callable[[], Iterator[tuple[str, ModelVersion]]], concerns: Callable[..., bool]
) -> None:
    original = getattr(store, method)

    @wraps(original)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        for alias, found in needed():
            if concerns(found, *args, **kwargs):
                raise MlflowException(
                    f"refused: alias '{alias}' of {found.name} points at version {found.version}, which needs this; "
                    "move the alias first",
                    error_code=RESOURCE_CONFLICT,
                )
        return original(*args, **kwargs)

    setattr(store, method, guarded)

"""A bundle into MLflow as a new version. The writing half, with `registry.runs`: only these two import its client.

A version is a LoggedModel with the bundle beside a hand-made `MLmodel`: any file fits in, the signature shows in the
UI, the run's metrics hang on it, and it loads as a pyfunc (`registry/pyfunc.py`).
"""

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from models.bundle import Bundle
from registry.errors import ProtectedVersionError
from registry.version import (
    BUNDLE_FOLDER,
    MODEL_NAME,
    TAG_BUNDLE_DIGEST,
    TAG_BUNDLE_VERSION,
    TAG_DATASET_DIGEST,
    TAG_GIT_COMMIT,
    TAG_MODEL_VERSION,
)

_ON_RUN = (TAG_BUNDLE_DIGEST, TAG_DATASET_DIGEST, TAG_GIT_COMMIT)
SIGNATURE = ModelSignature(
    inputs=Schema([ColSpec(DataType.binary, "image")]),
    outputs=Schema(
        [
            ColSpec(DataType.string, "decision"),
            ColSpec(DataType.double, "confidence"),
            ColSpec(DataType.string, "detections"),
        ]
    ),
)


@dataclass(frozen=True, slots=True)
class Publication:
    """Where a bundle went.

    Attributes:
        version: The version's number, as text.
        run_id: The run it belongs to.
        model_id: Id of the LoggedModel.
    """

    version: str
    run_id: str
    model_id: str


def publish_bundle(
    client: MlflowClient, bundle: Bundle, *, run_id: str, tags: Mapping[str, str], name: str = MODEL_NAME
) -> Publication:
    """The new version of a registered model.

    Args:
        client: Of the tracking server.
        bundle: A verified bundle.
        run_id: The run that made it; its bundle metrics are logged there.
        tags: Lineage, see `registry.version`. Digest and version of the bundle are added, and what its provenance
            knows of data set and commit; the run gets the same, and the number of the version.
        name: The registered model; made if it does not exist.

    Raises:
        MlflowException: The server refuses or does not answer.
    """
    run = client.get_run(run_id)
    logged = client.create_logged_model(
        experiment_id=run.info.experiment_id, name=name, source_run_id=run_id, model_type=bundle.manifest.task
    )
    try:
        with tempfile.TemporaryDirectory(prefix="ussop-publish-") as scratch:
            _write_model_folder(Path(scratch), bundle, run_id, logged.model_id, logged.artifact_location)
            client.log_model_artifacts(logged.model_id, scratch)
    except MlflowException:
        client.finalize_logged_model(logged.model_id, LoggedModelStatus.FAILED)
        raise
    client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)
    _ensure_registered(client, name)
    lineage = {**lineage_of(bundle), **tags, TAG_BUNDLE_DIGEST: bundle.digest}
    all_tags = {**lineage, TAG_BUNDLE_VERSION: bundle.manifest.version}
    version = client.create_model_version(
        name, f"models:/{logged.model_id}", run_id=run_id, tags=all_tags, model_id=logged.model_id, await_creation_for=0
    )
    on_run = {**{tag: lineage[tag] for tag in _ON_RUN if tag in lineage}, TAG_MODEL_VERSION: str(version.version)}
    if TAG_GIT_COMMIT in on_run:
        on_run["mlflow.source.git.commit"] = on_run[TAG_GIT_COMMIT]  # shown by MLflow's own page of a run
    for key, value in on_run.items():
        client.set_tag(run_id, key, value)
    return Publication(str(version.version), run_id, logged.model_id)


def lineage_of(bundle: Bundle) -> dict[str, str]:
    """What the provenance of a bundle says of its data set and commit, as tags; what it does not say is missing."""
    provenance = bundle.manifest.provenance
    dataset = provenance.get("dataset")
    described = dataset if isinstance(dataset, dict) else {}
    found = {
        TAG_DATASET_DIGEST: described.get("digest") or described.get("sha256") or described.get("train_sha256"),
        TAG_GIT_COMMIT: provenance.get("git_commit"),
    }
    return {tag: str(value) for tag, value in found.items() if value}


def delete_version(client: MlflowClient, version: str, *, name: str = MODEL_NAME) -> None:
    """Deletes a version that no alias points at.

    Raises:
        ProtectedVersionError: An alias points at it, or at another version with the same artifacts.
        MlflowException: The server refuses or does not answer.
    """
    aliases: Mapping[str, str] = client.get_registered_model(name).aliases
    source = client.get_model_version(name, version).source
    for alias, target in aliases.items():
        if str(target) == version or client.get_model_version(name, str(target)).source == source:
            raise ProtectedVersionError(f"version {version} cannot be deleted: alias {alias!r} needs it")
    client.delete_model_version(name, version)


def _write_model_folder(folder: Path, bundle: Bundle, run_id: str, model_id: str, artifact_location: str) -> None:
    shutil.copytree(bundle.root, folder / BUNDLE_FOLDER, copy_function=shutil.copyfile)
    model = Model(
        run_id=run_id,
        model_id=model_id,
        artifact_path=artifact_location,
        signature=SIGNATURE,
        metadata={"bundle_digest": bundle.digest, "classes": list(bundle.manifest.classes)},
    )
    mlflow.pyfunc.add_to_model(model, loader_module="registry.pyfunc", data=BUNDLE_FOLDER)
    model.add_flavor("ussop_bundle", path=BUNDLE_FOLDER, manifest_version=bundle.manifest.version)
    model.save(folder / "MLmodel")


def _ensure_registered(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise

"""From a bundle to a version and back, against a real MLflow server."""

import json
from pathlib import Path

import httpx
import mlflow
import pytest
from mlflow import MlflowClient

from models.bundle import Bundle, seal_bundle
from models.errors import BundleError
from models.intake import read_image
from models.recipe import Recipe
from models.runtime import open_runtime
from registry.errors import ProtectedVersionError, RegistryError, RegistryUnavailableError, UnknownVersionError
from registry.local_store import LocalStore
from registry.publish import delete_version, publish_bundle
from registry.rest import MlflowRest
from registry.sync import fetch_bundle, read_manifest
from registry.version import CANDIDATE, DEPLOYED, TAG_BUNDLE_DIGEST
from tests.pictures import png_bytes, square_picture
from tests.ports import free_port
from tests.tiny_bundle import build_tiny_bundle

Two = tuple[str, Bundle, Bundle]


def test_bundle_comes_back_to_the_byte_when_fetched(two_versions: Two, rest: MlflowRest, tmp_path: Path) -> None:
    name, _, second = two_versions
    store = LocalStore(tmp_path / "store")
    fetched = fetch_bundle(rest, store, rest.version(name, "2"))
    assert fetched.digest == second.digest
    assert fetched.root.is_relative_to(tmp_path / "store")


def test_store_answers_when_the_server_is_gone(two_versions: Two, rest: MlflowRest, tmp_path: Path) -> None:
    name, first, _ = two_versions
    store, version = LocalStore(tmp_path / "store"), rest.version(name, "1")
    fetch_bundle(rest, store, version)
    with MlflowRest(f"http://127.0.0.1:{free_port()}") as nobody:
        assert fetch_bundle(nobody, store, version).digest == first.digest


def test_damaged_copy_is_fetched_again(two_versions: Two, rest: MlflowRest, tmp_path: Path) -> None:
    name, first, _ = two_versions
    store, version = LocalStore(tmp_path / "store"), rest.version(name, "1")
    fetch_bundle(rest, store, version)
    (tmp_path / "store" / first.digest / "model.onnx").write_bytes(b"damaged")
    assert fetch_bundle(rest, store, version).digest == first.digest


def test_alias_moves_and_versions_show_it(two_versions: Two, rest: MlflowRest) -> None:
    name, _, _ = two_versions
    rest.set_alias(name, DEPLOYED, "1")
    rest.set_alias(name, CANDIDATE, "2")
    assert rest.version_of_alias(name, DEPLOYED).version == "1"
    rest.set_alias(name, DEPLOYED, "2")
    versions = rest.versions(name)
    assert [v.version for v in versions] == ["2", "1"]
    assert set(versions[0].aliases) == {CANDIDATE, DEPLOYED}
    assert versions[1].aliases == ()
    rest.delete_alias(name, CANDIDATE)
    rest.delete_alias(name, CANDIDATE)
    assert rest.version(name, "2").aliases == (DEPLOYED,)


def test_lineage_is_in_the_tags(two_versions: Two, rest: MlflowRest) -> None:
    name, first, _ = two_versions
    version = rest.version(name, "1")
    assert version.tags[TAG_BUNDLE_DIGEST] == first.digest
    assert version.tags["ussop.dataset_digest"] == "none"
    assert version.run_id
    rest.set_tag(name, "1", "ussop.gate", "passed")
    assert rest.version(name, "1").tags["ussop.gate"] == "passed"


def test_version_run_data_set_and_commit_lead_to_each_other(
    client: MlflowClient, rest: MlflowRest, tmp_path: Path
) -> None:
    name, commit = "inspector-lineage", "c" * 40
    bundle = build_tiny_bundle(tmp_path / "bundle")
    provenance = {"dataset": {"digest": "d" * 64}, "git_commit": commit}
    bundle = seal_bundle(bundle.root, bundle.manifest.model_copy(update={"provenance": provenance}))
    run_id = client.create_run(client.create_experiment(name)).info.run_id
    version = publish_bundle(client, bundle, run_id=run_id, tags={}, name=name).version
    tags, of_run = rest.version(name, version).tags, client.get_run(run_id).data.tags
    assert (tags["ussop.dataset_digest"], tags["ussop.git_commit"]) == ("d" * 64, commit)
    assert of_run["ussop.model_version"] == version
    shared = ("ussop.dataset_digest", "ussop.git_commit", "ussop.bundle_digest")
    assert [of_run[tag] for tag in shared] == [tags[tag] for tag in shared]
    assert of_run["mlflow.source.git.commit"] == commit


def test_manifest_is_read_without_the_bundle_and_refused_when_it_is_another(
    two_versions: Two, rest: MlflowRest
) -> None:
    name, first, second = two_versions
    assert read_manifest(rest, rest.version(name, "1")) == first.manifest
    rest.set_tag(name, "1", TAG_BUNDLE_DIGEST, second.digest)
    with pytest.raises(RegistryError, match="digest differs"):
        read_manifest(rest, rest.version(name, "1"))
    with pytest.raises(UnknownVersionError):
        rest.read_version_file(rest.version(name, "2"), "bundle/nothing.json")


def test_unknown_when_not_in_the_registry(two_versions: Two, rest: MlflowRest) -> None:
    name, _, _ = two_versions
    assert rest.versions("never-seen") == []
    for call in (
        lambda: rest.version(name, "99"),
        lambda: rest.version_of_alias(name, "nobody"),
        lambda: rest.version_of_alias("never-seen", DEPLOYED),
        lambda: rest.set_alias(name, DEPLOYED, "99"),
    ):
        with pytest.raises(UnknownVersionError):
            call()


def test_unavailable_within_the_timeout_when_nobody_answers() -> None:
    with (
        MlflowRest(f"http://127.0.0.1:{free_port()}", timeout_s=1.0) as nobody,
        pytest.raises(RegistryUnavailableError),
    ):
        nobody.versions("inspector")


def test_refused_when_the_artifacts_were_exchanged(
    two_versions: Two, rest: MlflowRest, client: MlflowClient, tmp_path: Path
) -> None:
    name, _, second = two_versions
    rest.set_tag(name, "1", TAG_BUNDLE_DIGEST, second.digest)
    with pytest.raises(RegistryError, match="digest differs"):
        fetch_bundle(rest, LocalStore(tmp_path / "store"), rest.version(name, "1"))


def test_refused_when_an_artifact_was_altered(
    two_versions: Two, rest: MlflowRest, mlflow_url: str, tmp_path: Path
) -> None:
    name, _, _ = two_versions
    uri = httpx.get(
        f"{mlflow_url}/api/2.0/mlflow/model-versions/get-download-uri", params={"name": name, "version": "1"}
    ).json()["artifact_uri"]
    path = uri.removeprefix("mlflow-artifacts:/")
    put = httpx.put(f"{mlflow_url}/api/2.0/mlflow-artifacts/artifacts/{path}/bundle/model.onnx", content=b"other")
    assert put.status_code == 200
    with pytest.raises(BundleError, match="SHA-256"):
        fetch_bundle(rest, LocalStore(tmp_path / "store"), rest.version(name, "1"))


def test_pyfunc_gives_the_verdict_of_live_inspection(two_versions: Two, client: MlflowClient, mlflow_url: str) -> None:
    name, first, _ = two_versions
    client.set_registered_model_alias(name, DEPLOYED, "1")
    mlflow.set_tracking_uri(mlflow_url)
    pictures = [png_bytes(square_picture("red")), png_bytes(square_picture(None))]
    model = mlflow.pyfunc.load_model(f"models:/{name}@{DEPLOYED}")
    table = model.predict([{"image": p} for p in pictures])
    live = [open_runtime(first).inspect(read_image(p), Recipe()) for p in pictures]
    assert table["decision"].tolist() == [v.decision for v in live] == ["fail", "pass"]
    detections = json.loads(table["detections"][0])
    assert [d["confidence"] for d in detections] == pytest.approx([d.confidence for d in live[0].detections])
    assert [d["box_xyxy"] for d in detections] == [list(d.box_xyxy) for d in live[0].detections]


def test_deletion_is_refused_when_an_alias_needs_it(two_versions: Two, client: MlflowClient, rest: MlflowRest) -> None:
    name, _, _ = two_versions
    rest.set_alias(name, DEPLOYED, "1")
    with pytest.raises(ProtectedVersionError, match="deployed"):
        delete_version(client, "1", name=name)
    delete_version(client, "2", name=name)
    assert [v.version for v in rest.versions(name)] == ["1"]


@pytest.mark.parametrize("header", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_server_refuses_strangers(mlflow_url: str, header: dict[str, str]) -> None:
    answer = httpx.post(f"{mlflow_url}/api/2.0/mlflow/experiments/create", headers=header, json={"name": "x"})
    assert answer.status_code == 403

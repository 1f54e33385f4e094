"""Loading the deployed model: tested before it is used, and the one in use stays when the new one is no good."""

import asyncio
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from registry.local_store import LocalStore
from serving.app import create_app
from serving.database import Database
from serving.errors import StorageUnavailable
from serving.live import LiveInspector
from serving.settings import Settings
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.tiny_bundle import build_tiny_bundle

RED = png_bytes(square_picture("red"))


def deploy(settings: Settings, folder: Path, version: str) -> Path:
    store = LocalStore(settings.bundles_dir)
    installed = store.install(build_tiny_bundle(folder, version=version).root)
    store.point("deployed", installed.digest)
    return installed.root


def version_of(client: httpx.Client) -> str:
    answer = client.post("/api/v1/inspect", files={"file": ("x", RED)}).json()
    return str(answer["model_version"])


def test_next_inspection_names_the_new_version_when_it_was_loaded(
    app: FastAPI, settings: Settings, tmp_path: Path
) -> None:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        assert version_of(client) == "1"
        deploy(settings, tmp_path / "two", "2")
        assert app.state.platform.live.load_deployed()
        assert version_of(client) == "2"


def test_version_in_use_stays_when_the_new_bundle_is_damaged(app: FastAPI, settings: Settings, tmp_path: Path) -> None:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        damaged = deploy(settings, tmp_path / "two", "2") / "golden" / "good.png"
        damaged.write_bytes(damaged.read_bytes() + b"\0")
        assert not app.state.platform.live.load_deployed()
        assert version_of(client) == "1"


def test_version_in_use_stays_when_the_new_one_fails_its_self_test(
    app: FastAPI, settings: Settings, tmp_path: Path
) -> None:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        # A bundle whose hashes hold, but whose network no longer gives what its golden pictures expect.
        honest, shifted = (
            build_tiny_bundle(tmp_path / name, version="2", score_shift=shift)
            for name, shift in (("a", 0.0), ("b", 0.5))
        )
        manifest = shifted.manifest.model_copy(update={"golden": honest.manifest.golden})
        (shifted.root / "manifest.json").write_text(manifest.model_dump_json(), encoding="utf-8")
        store = LocalStore(settings.bundles_dir)
        store.point("deployed", store.install(shifted.root).digest)
        assert not app.state.platform.live.load_deployed()
        assert version_of(client) == "1"


def test_verdicts_name_onnx_runtime_when_openvino_is_switched_off(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"openvino_enabled": False}))
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=20, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        answer = client.post("/api/v1/inspect", files={"file": ("x", RED)}).json()
    assert (answer["decision"], answer["backend"].partition(":")[0]) == ("fail", "onnxruntime")


def test_start_is_refused_when_the_picture_folder_cannot_be_used(settings: Settings, database: Database) -> None:
    settings.media_dir.parent.joinpath("media").write_bytes(b"in the way")
    with pytest.raises(StorageUnavailable):
        asyncio.run(LiveInspector.open(settings, database))

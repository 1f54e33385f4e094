"""One running platform for the whole folder."""

from collections.abc import Iterator

import httpx
import pytest

from models.bundle import Bundle
from serving.platform import Platform
from tests.contracts.running import Running, running
from tests.serving.audit.acts import Stage
from tests.serving.conftest import _plain_log_lines  # noqa: F401 - a fixture


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[Running]:
    """The platform that every test here asks, one after another: none relies on what another one left."""
    with running(tmp_path_factory.mktemp("contract") / "var", tiny_bundle) as platform:
        yield platform


@pytest.fixture(scope="package")
def admin(platform: Running) -> Iterator[httpx.Client]:
    """An administrator."""
    with platform.client("admin") as client:
        yield client


@pytest.fixture(scope="package")
def stage(platform: Running, admin: httpx.Client) -> Stage:
    """The platform with its administrator, for whom things can be made."""
    held = platform.app.state.platform
    assert isinstance(held, Platform)
    return Stage(admin, held.database, platform.settings.models_dir)

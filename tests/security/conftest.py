"""One running platform for the whole folder, with a caller of every kind."""

from collections.abc import Iterator

import httpx
import pytest

from models.bundle import Bundle
from tests.contracts.running import Running, running
from tests.serving.conftest import _plain_log_lines, prepared_data_dir, settings

__all__ = ["_plain_log_lines", "prepared_data_dir", "settings"]


@pytest.fixture(scope="package")
def platform(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Bundle) -> Iterator[Running]:
    """The platform that is attacked. No test relies on what another one left."""
    data_dir = tmp_path_factory.mktemp("security") / "var"
    # A busy machine sends and decodes slowly too; the tests of slow senders have a platform of their own.
    with running(data_dir, tiny_bundle, upload_timeout_s=120.0, inference_timeout_s=120.0) as platform:
        yield platform


@pytest.fixture(scope="package")
def operator(platform: Running) -> Iterator[httpx.Client]:
    """An operator."""
    with platform.client("operator") as client:
        yield client


@pytest.fixture(scope="package")
def admin(platform: Running) -> Iterator[httpx.Client]:
    """An administrator."""
    with platform.client("admin") as client:
        yield client

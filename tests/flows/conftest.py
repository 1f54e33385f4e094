"""The servers that the tests of the flows share: starting them takes longer than most tests."""

from collections.abc import Iterator

import pytest

from tests.prefect_platform import PrefectPlatform, prefect_platform


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectPlatform]:
    """A Prefect server, an MLflow server and the host of flows."""
    with prefect_platform(tmp_path_factory.mktemp("flows") / "data") as running:
        yield running

"""One plant for the whole session; tests that restart something have their own."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from asyncua import Client

from tests.opcua.client import Pki, client_of
from tests.opcua.plant import PlantUnderTest
from tests.serving.conftest import prepared_data_dir

__all__ = ["prepared_data_dir"]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, prepared_data_dir: Path) -> Iterator[PlantUnderTest]:
    """A plant that runs."""
    data_dir = tmp_path_factory.mktemp("plant") / "var"
    shutil.copytree(prepared_data_dir, data_dir)
    plant = PlantUnderTest(data_dir, extra={"OPCUA_CLIENTS": "20"})
    plant.prepare()
    try:
        plant.start("api")
        plant.start("opcua")
        yield plant
    finally:
        plant.close()


@pytest.fixture(scope="session")
def pki(shared: PlantUnderTest, tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """The certificates of its clients."""
    return Pki(tmp_path_factory.mktemp("pki"), shared.settings.pki_dir)


@pytest.fixture(scope="session")
def trusted(pki: Pki) -> Path:
    """A certificate that the server trusts."""
    return pki.make("plc", trusted=True)


@pytest.fixture
async def operator(shared: PlantUnderTest, pki: Pki, trusted: Path) -> AsyncIterator[Client]:
    """An operator's connection."""
    async with await client_of(shared.endpoint, pki, trusted) as client:
        yield client


@pytest.fixture
async def viewer(shared: PlantUnderTest, pki: Pki, trusted: Path) -> AsyncIterator[Client]:
    """A viewer's connection."""
    async with await client_of(shared.endpoint, pki, trusted, "viewer") as client:
        yield client

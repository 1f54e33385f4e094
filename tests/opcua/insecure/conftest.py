"""A second OPC UA process, which everybody may read from, behind a line that can be cut."""

from collections.abc import Iterator

import pytest

from tests.opcua.link import Link
from tests.opcua.plant import PlantUnderTest


@pytest.fixture(scope="package")
def to_api(shared: PlantUnderTest) -> Iterator[Link]:
    """The line between the API and the second OPC UA process."""
    link = Link(shared.api_port)
    yield link
    link.close()


@pytest.fixture(scope="package")
def insecure(shared: PlantUnderTest, to_api: Link) -> Iterator[PlantUnderTest]:
    """A second OPC UA process of that plant, which lets clients without certificate and password read.

    Only for this folder: the API is told of one process after the other, and others' tests ask it how theirs is.
    """
    extra = {**shared.extra, "OPCUA_ALLOW_INSECURE": "true"}
    plant = PlantUnderTest(shared.data_dir, extra, to_api.port, log_name="insecure")
    try:
        plant.start("opcua")
        yield plant
    finally:
        plant.close()

"""Fixtures that every room uses."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from models.bundle import Bundle
from tests.faults.killable import Forker
from tests.prove.plugin import proof, pytest_addoption, pytest_collection_modifyitems, pytest_runtest_makereport
from tests.tiny_bundle import build_tiny_bundle

# Two workers share two cores: a training in the idle class would wait for the other one's tests to end.
os.environ.setdefault("TRAINING_GIVES_WAY", "false")
# And torch's threads of both, which spin while they wait, would hold each other up: forty times in the worst test.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
__all__ = ["proof", "pytest_addoption", "pytest_collection_modifyitems", "pytest_runtest_makereport"]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small real bundle, built once a session; tests that change it make their own copy."""
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    """Starts API processes that may be killed; all tests of a session share what it has imported."""
    with closing(Forker()) as forker:
        yield forker


@pytest.fixture(scope="session")
def real_data_dir() -> Path:
    """The folder of the real magnetic-tile pictures; the test is skipped where it is absent."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data" / "magnetic-tile"
    folder = Path(os.environ.get("USSOP_REAL_DATA", default))
    if not (folder / "annotations.json").is_file():
        pytest.skip("the magnetic-tile pictures are not on this machine (set USSOP_REAL_DATA)")
    return folder

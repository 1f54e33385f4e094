"""Long random histories of the registry's aliases against a model in memory, on a real MLflow server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from mlflow import MlflowClient

from models.bundle import Bundle
from registry.errors import ProtectedVersionError, RegistryError, UnknownVersionError
from registry.local_store import LocalStore
from registry.promotion import promote_version, release_candidate
from registry.publish import delete_version, publish_bundle
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME, PREVIOUS, TAG_BUNDLE_DIGEST
from tests.prove.histories import run_histories
from tests.prove.plugin import Proof
from tests.tiny_bundle import build_tiny_bundle

ALIASES: Final = (CANDIDATE, DEPLOYED, PREVIOUS)
_MOST_VERSIONS: Final = 5
_PLACES: Final = st.integers(0, _MOST_VERSIONS - 1)


class AliasHistory(RuleBasedStateMachine):
    """Versions are made candidates, promoted, rolled back and deleted, by us and past us."""

    client: ClassVar[MlflowClient]
    rest: ClassVar[MlflowRest]
    store: ClassVar[LocalStore]
    # By version that is there: the digest of its bundle. Kept from history to history, as the server keeps them.
    digests: ClassVar[dict[str, str]]
    steps: ClassVar[int]

    def __init__(self) -> None:
        super().__init__()
        for alias in ALIASES:
            self.rest.delete_alias(MODEL_NAME, alias)
        self.aliases: dict[str, str] = {}

    def _version(self, place: int) -> str:
        versions = sorted(self.digests, key=int)
        return versions[place % len(versions)]

    @rule(alias=st.sampled_from(ALIASES), place=_PLACES)
    def point(self, alias: str, place: int) -> None:
        self.rest.set_alias(MODEL_NAME, alias, self._version(place))
        self.aliases[alias] = self._version(place)

    @rule(alias=st.sampled_from(ALIASES))
    def take_away(self, alias: str) -> None:
        self.rest.delete_alias(MODEL_NAME, alias)
        self.aliases.pop(alias, None)

    @rule(alias=st.sampled_from(ALIASES), number=st.sampled_from(["0", "-1", "99999", "x", ""]))
    def point_at_nothing(self, alias: str, number: str) -> None:
        with pytest.raises(RegistryError):
            self.rest.set_alias(MODEL_NAME, alias, number)

    @rule(place=_PLACES, replaced=_PLACES)
    def promote(self, place: int, replaced: int) -> None:
        """Only what was compared with the version that is deployed now may take its place."""
        new, old = (self.rest.version(MODEL_NAME, self._version(each)) for each in (place, replaced))
        if self.aliases.get(DEPLOYED) != old.version:
            with pytest.raises(RegistryError):
                promote_version(self.rest, new, replaced=old)
            return
        promote_version(self.rest, new, replaced=old)
        self.aliases |= {PREVIOUS: old.version, DEPLOYED: new.version}
        self._free_candidate(new.version)

    @rule(place=_PLACES)
    def release(self, place: int) -> None:
        release_candidate(self.rest, self._version(place))
        self._free_candidate(self._version(place))

    @rule(place=_PLACES)
    def delete(self, place: int) -> None:
        """What an alias needs stays: the version itself, and others that stand for the same files."""
        version = self._version(place)
        needed = {self.digests[each] for each in self.aliases.values()}
        if self.digests[version] in needed:
            with pytest.raises(ProtectedVersionError):
                delete_version(self.client, version)
        elif list(self.digests.values()).count(self.digests[version]) > 1:
            delete_version(self.client, version)
            del self.digests[version]

    @rule(place=_PLACES)
    def register_again(self, place: int) -> None:
        """Another version of the same files, as MLflow's own page makes one."""
        if len(self.digests) >= _MOST_VERSIONS:
            return
        found = self.client.get_model_version(MODEL_NAME, self._version(place))
        source = str(found.source)
        made = self.client.create_model_version(
            MODEL_NAME,
            source,
            run_id=found.run_id,
            tags=dict(found.tags),
            model_id=source.removeprefix("models:/"),
            await_creation_for=0,
        )
        self.digests[str(made.version)] = self.digests[str(found.version)]

    @rule(alias=st.sampled_from(ALIASES))
    def fetch(self, alias: str) -> None:
        if alias not in self.aliases:
            with pytest.raises(UnknownVersionError):
                self.rest.version_of_alias(MODEL_NAME, alias)
            return
        bundle = fetch_bundle(self.rest, self.store, self.rest.version_of_alias(MODEL_NAME, alias))
        assert bundle.digest == self.digests[self.aliases[alias]]

    @invariant()
    def registry_says_what_the_model_says(self) -> None:
        type(self).steps += 1
        found = self.rest.versions(MODEL_NAME)
        assert {version.version: version.tags[TAG_BUNDLE_DIGEST] for version in found} == self.digests
        assert {alias: version.version for version in found for alias in version.aliases} == self.aliases

    def _free_candidate(self, version: str) -> None:
        if self.aliases.get(CANDIDATE) == version:
            del self.aliases[CANDIDATE]


@pytest.fixture
def digests(client: MlflowClient, rest: MlflowRest, tmp_path: Path) -> Iterator[dict[str, str]]:
    """By version: the digest of one of two bundles, in a registry that holds nothing else."""
    _empty(client, rest)
    experiment = client.create_experiment(f"{MODEL_NAME} histories")
    made: dict[str, str] = {}
    for number in range(2):
        bundle: Bundle = build_tiny_bundle(tmp_path / str(number), version=str(number), score_shift=number / 50)
        run_id = client.create_run(experiment).info.run_id
        made[publish_bundle(client, bundle, run_id=run_id, tags={}).version] = bundle.digest
    yield made
    _empty(client, rest)


def _empty(client: MlflowClient, rest: MlflowRest) -> None:
    for alias in ALIASES:
        rest.delete_alias(MODEL_NAME, alias)
    if client.search_registered_models(f"name='{MODEL_NAME}'"):
        client.delete_registered_model(MODEL_NAME)


@pytest.mark.prove("fuzz", "random histories of MLflow's aliases against a model: point, promote, roll back, delete")
def test_registry_holds_what_the_model_says_when_anything_happens(
    client: MlflowClient, rest: MlflowRest, digests: dict[str, str], tmp_path: Path, proof: Proof
) -> None:
    machine: Any = AliasHistory
    machine.client, machine.rest, machine.store = client, rest, LocalStore(tmp_path / "store")
    machine.digests, machine.steps = digests, 0
    runs, steps = proof.size(short=(3, 15), full=(25, 40))
    run_histories(machine, proof, runs=runs, steps=steps)
    proof.note(histories=runs, steps=machine.steps, divergences=0)

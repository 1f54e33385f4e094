"""Hostile and corrupt bundles: each is refused, the API lives, and the old model inspects all the while."""

import hashlib
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import serving.live.inspector
from models.bundle import Bundle
from serving.audit.actor import PLATFORM
from serving.errors import ModelRefused
from serving.model_versions.switch import Act, ModelSwitch, Target
from serving.settings import Settings
from serving.trial import try_bundle
from tests.faults.hostile_bundles import FOLDERS, NETWORKS, make_hostile
from tests.pictures import png_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in
from tests.serving.server import serve
from tests.tiny_bundle import build_tiny_bundle

RED = png_bytes(square_picture("red"))
SHORT = (
    "noise",
    "endless loop",
    "4 TiB of constants",
    "chain of 3,000 functions",
    "weights in /etc/passwd",
    "hard link",
)
ENDLESS = {"endless loop"}


class Line(threading.Thread):
    """Sends parts until it is told to stop."""

    def __init__(self, client: httpx.Client) -> None:
        super().__init__(name="line")
        self.answers: list[tuple[int, str]] = []
        self.ending = threading.Event()
        self._client = client

    def run(self) -> None:
        while not self.ending.wait(0.02):
            answer = self._client.post("/api/v1/inspect", files={"file": ("x", RED)})
            self.answers.append((answer.status_code, answer.json().get("model_version", "")))


@pytest.fixture
def line(app: FastAPI) -> Iterator[Line]:
    with serve(app) as base_url, httpx.Client(base_url=base_url, timeout=120, trust_env=False) as client:
        client.headers.update(bearer(log_in(client, "operator")))
        line = Line(client)
        line.start()
        try:
            yield line
        finally:
            line.ending.set()
            line.join(timeout=120)


def put_in_store(settings: Settings, folder: Path) -> str:
    """The digest under which the folder lies in the store, put there by hand as an attacker would."""
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    folder.rename(settings.bundles_dir / digest)
    return digest


def refusal_of(switch: ModelSwitch, digest: str) -> str:
    with switch.alone(), pytest.raises(ModelRefused) as caught:
        switch.put_to_use(Target("9", digest), Act("model.deployed", PLATFORM), announced=True)
    return str(caught.value)


@pytest.mark.slow
@pytest.mark.prove("swap", "hostile and corrupt bundles, each deployed while a line inspects")
def test_hostile_bundle_is_refused_and_the_old_model_goes_on(
    line: Line,
    app: FastAPI,
    settings: Settings,
    tiny_bundle: Bundle,
    tmp_path: Path,
    proof: Proof,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    switch: ModelSwitch = app.state.platform.switch
    names = proof.size(short=list(SHORT), full=[*NETWORKS, *FOLDERS])
    longest_s, killed = 0.0, 0
    for number, name in enumerate(names, start=1):
        # A sound one gets the time that a busy machine takes; one that never ends would use all of it.
        patient = partial(try_bundle, timeout_s=6.0 if name in ENDLESS else 25.0)
        monkeypatch.setattr(serving.live.inspector, "try_bundle", patient)
        digest = put_in_store(settings, make_hostile(name, tiny_bundle, tmp_path / str(number)))
        before, started_s = len(line.answers), time.monotonic()
        why = refusal_of(switch, digest)
        longest_s = max(longest_s, time.monotonic() - started_s)
        killed += "ends the process" in why or "not loaded within" in why
        assert switch.active is not None
        assert switch.active.digest == tiny_bundle.digest, name
        proof.note(refused=number, child_died_or_hung=killed, longest_s=round(longest_s, 1))
        give_up_at = time.monotonic() + 60
        while len(line.answers) <= before and time.monotonic() < give_up_at:
            line.ending.wait(0.01)
        assert len(line.answers) > before, f"nobody inspects any more after: {name}"
    failed = [answer for answer in line.answers if answer != (200, "1")]
    proof.note(inspections_meanwhile=len(line.answers), failed=len(failed))
    assert failed == []

    monkeypatch.undo()
    good = build_tiny_bundle(tmp_path / "good", version="2", score_shift=0.1)
    with switch.alone():
        switch.put_to_use(
            Target("2", put_in_store(settings, good.root)), Act("model.deployed", PLATFORM), announced=True
        )
    assert switch.active is not None
    assert switch.active.digest == good.digest

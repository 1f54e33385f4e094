"""`kill -9` while the model is changed: afterwards the old one or the new one inspects, whole, and never none."""

import random
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import pairwise
from os import pathsep, pidfd_open
from pathlib import Path
from select import select
from signal import SIGKILL, pidfd_send_signal

import httpx
import pytest

from models.bundle import Bundle, load_bundle
from registry.local_store import LocalStore
from registry.version import DEPLOYED, PREVIOUS
from serving.audit.chain import AuditChain
from serving.audit.verify import verify
from serving.database import open_database
from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import DEADLINE_S, Acknowledged, Client, assert_all_is_there, note_what_is_there, sending
from tests.prove.plugin import Proof
from tests.serving.conftest import bearer, log_in, settings_on
from tests.tiny_bundle import build_tiny_bundle

CLIENTS = 3
SHIFT = 0.1  # the second version's scores are higher by so much


@pytest.fixture(scope="module")
def second_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return build_tiny_bundle(tmp_path_factory.mktemp("bundle") / "second", version="2", score_shift=SHIFT)


@pytest.fixture
def settings(prepared_data_dir: Path, tiny_bundle: Bundle, second_bundle: Bundle, tmp_path: Path) -> Settings:
    """Of a machine that holds two versions: between these a rollback needs no registry."""
    settings = settings_on(shutil.copytree(prepared_data_dir, tmp_path / "var"))
    store = LocalStore(settings.bundles_dir)
    store.point(DEPLOYED, tiny_bundle.digest, "1")
    store.point(PREVIOUS, store.install(second_bundle.root).digest, "2")
    return settings


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    quiet = {"LOG_LEVEL": "ERROR", "INFERENCE_WORKERS": "2", "MLFLOW_PORT": "1", "MODEL_POLL_S": "60"}
    with closing(KillableApi(forker, environment_of(settings, **quiet), tmp_path / "api.log")) as api:
        yield api


class Switcher(threading.Thread):
    """An engineer who rolls back and forth between two versions, whatever becomes of it."""

    def __init__(self, base_url: str, token: str) -> None:
        super().__init__(name="switcher")
        self.ready, self.ending = threading.Event(), threading.Event()
        self.ordered, self.answered = threading.Semaphore(0), threading.Semaphore(0)
        self.switched = 0
        self.refused: list[str] = []
        self._base_url, self._headers = base_url, bearer(token)

    def run(self) -> None:
        limits = {"base_url": self._base_url, "headers": self._headers, "timeout": 60.0, "trust_env": False}
        with httpx.Client(**limits) as client:  # type: ignore[arg-type]
            while not self.ending.is_set():
                if not self.ready.wait(0.1):
                    continue
                with suppress(httpx.TransportError):
                    used = client.get("/api/v1/health").json()["model"]["version"]
                    self.ordered.release()
                    answer = client.post(f"/api/v1/models/{3 - int(used)}/rollback")
                    if answer.is_success:
                        self.switched += 1
                        self.answered.release()
                    elif answer.status_code != 409:  # the platform looks at the registry just then: try again
                        self.refused.append(answer.text)


def forget(*told: threading.Semaphore) -> None:
    """Lets what was told before count no more."""
    for each in told:
        while each.acquire(blocking=False):
            pass


def version_in_use(api: KillableApi) -> str:
    with httpx.Client(base_url=api.base_url, timeout=60, trust_env=False) as client:
        return str(client.get("/api/v1/health").raise_for_status().json()["model"]["version"])


def require_whole(settings: Settings, version: str) -> None:
    """The pointer says what is in use, and what it points at is sound."""
    store = LocalStore(settings.bundles_dir)
    pointer = store.pointer(DEPLOYED)
    assert pointer is not None
    assert pointer.version == version
    assert load_bundle(store.folder_of(pointer)).digest == pointer.digest


def mixed(acknowledged: list[Acknowledged]) -> list[Acknowledged]:
    """Verdicts of failed parts whose score is not that of the version they name."""
    failed = [told for told in acknowledged if told.decision == "fail"]
    plain = next(told.confidence - SHIFT * (told.model_version == "2") for told in failed)
    return [told for told in failed if abs(told.confidence - SHIFT * (told.model_version == "2") - plain) > SHIFT / 5]


@pytest.mark.slow
@pytest.mark.prove("swap", "`kill -9` while the model is rolled back and forth and three clients send")
def test_old_or_new_model_inspects_when_the_api_is_killed_during_the_change(
    api: KillableApi, settings: Settings, proof: Proof
) -> None:
    kills, chance, moment = proof.size(short=8, full=150), random.Random(proof.seed), threading.Event()  # noqa: S311
    api.start()
    with httpx.Client(base_url=api.base_url, trust_env=False, timeout=60) as client:
        operator, engineer = log_in(client, "operator"), log_in(client, "engineer")
        began_s = time.monotonic()  # the first change of a life loads the other version; so does each one after a kill
        client.post("/api/v1/models/2/rollback", headers=bearer(engineer)).raise_for_status()
        change_s = time.monotonic() - began_s
    seeds = range(proof.seed, proof.seed + CLIENTS)
    clients = [Client(api.base_url, operator, seed, colours=("red", None)) for seed in seeds]
    switcher, versions = Switcher(api.base_url, engineer), [version_in_use(api)]
    switcher.start()
    try:
        with sending(clients) as line:
            for number in range(kills):
                switcher.ready.set()
                # While it is at it, and in each second round just after it was done.
                awaited = switcher.answered if number % 2 else switcher.ordered
                assert awaited.acquire(timeout=DEADLINE_S), (number, switcher.is_alive(), switcher.refused)
                moment.wait(timeout=chance.uniform(0.0, 2 * change_s))  # not for anything: the moment is the test
                switcher.ready.clear()
                line.pause()
                api.kill()
                forget(switcher.ordered, switcher.answered)
                api.start()  # which is healthy only with a model
                versions.append(version_in_use(api))
                require_whole(settings, versions[-1])
                line.run()
    finally:
        switcher.ending.set()
        switcher.join(timeout=120)
    changed = sum(before != after for before, after in pairwise(versions))
    proof.note(kills=kills, switches_answered=switcher.switched, kills_after_which_it_was_the_other=changed)
    api.kill()
    note_what_is_there(settings, line.acknowledged, proof)
    wrong = mixed(list(line.acknowledged.values()))
    proof.note(mixed_answers=len(wrong))
    assert (line.wrong, switcher.refused, wrong) == ([], [], [])
    assert set(versions) == {"1", "2"}, "no change ever came through: this would test nothing"
    assert_all_is_there(settings, line.acknowledged, nothing_else=False)
    with closing(open_database(settings)) as database, database.read() as session:
        assert verify(session, AuditChain.open(settings)).holds


@pytest.mark.slow
@pytest.mark.prove("swap", "`kill -9` while bundles are installed, pointed at and removed")
def test_deployed_bundle_is_whole_when_an_install_is_killed(
    forker: Forker, tiny_bundle: Bundle, second_bundle: Bundle, tmp_path: Path, proof: Proof
) -> None:
    kills, chance = proof.size(short=30, full=500), random.Random(proof.seed)  # noqa: S311
    store, versions = LocalStore(tmp_path / "bundles"), set()
    store.ensure_starter(tiny_bundle.root)
    sources = pathsep.join(str(bundle.root) for bundle in (second_bundle, tiny_bundle))
    environment = {"STORE": str(tmp_path / "bundles"), "SOURCES": sources}
    leftovers = 0
    for _ in range(kills):
        process = pidfd_open(forker.fork(environment, tmp_path / "log", "install_again_and_again"))
        time.sleep(chance.uniform(0.02, 0.12))  # not for anything: the moment is the test
        pidfd_send_signal(process, SIGKILL)
        assert select([process], [], [], 60)[0]
        versions.add(load_bundle(store.deployed()).manifest.version)
        leftovers += store.remove_leftovers(older_than_s=-1.0)
    names = {path.name for path in (tmp_path / "bundles").iterdir()}
    proof.note(kills=kills, not_whole=0, left_half_installed_and_removed=leftovers)
    assert versions == {"1", "2"}, "nothing was ever installed: this would test nothing"
    assert leftovers
    assert names <= {"deployed.json", tiny_bundle.digest, second_bundle.digest}

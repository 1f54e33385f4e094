"""The API gets no memory any more, under load: it refuses, or dies, and nothing that it acknowledged is lost."""

import random
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.faults.line import Client, Line, assert_all_is_there, note_what_is_there, sending, until
from tests.prove.plugin import Proof
from tests.serving.conftest import log_in

_MIB = 2**20
CLIENTS = 3
LARGE_HW = (4000, 6000)  # 72 MB of pixels
REFUSALS = frozenset({422, 500, 503})


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    environment = environment_of(settings, LOG_LEVEL="ERROR", INFERENCE_WORKERS="2")
    with closing(KillableApi(forker, environment, tmp_path / "api.log")) as api:
        yield api


def allow_no_more_than(api: KillableApi, more_bytes: int) -> None:
    """Lets the process take so much address space beyond what it has."""
    used_pages = int(Path(f"/proc/{api.pid}/statm").read_text(encoding="ascii").split()[0])
    most = used_pages * resource.getpagesize() + more_bytes
    resource.prlimit(api.pid, resource.RLIMIT_AS, (most, resource.RLIM_INFINITY))


def allow_all(api: KillableApi) -> None:
    resource.prlimit(api.pid, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def has_died_of_want(api: KillableApi, line: Line, more_bytes: int) -> bool:
    """Whether the API ended when it got no more than that; it is healthy afterwards, started anew if need be."""
    told, before = len(line.acknowledged), line.answers
    until(lambda: len(line.acknowledged) > told + CLIENTS, "parts are acknowledged")
    allow_no_more_than(api, more_bytes)
    until(lambda: api.is_gone or line.answers > before + 40, "it answers, or dies")
    if not api.is_gone:
        allow_all(api)
        until(lambda: api.is_gone or is_healthy(api), "it is healthy again, or dies after all")
    if not api.is_gone:
        return False
    api.wait_until_gone()
    api.start()
    return True


@pytest.mark.slow
@pytest.mark.prove("durability", "no more memory while four clients send, one of them pictures of 24 megapixels")
def test_nothing_acknowledged_is_lost_when_the_api_gets_no_more_memory(
    api: KillableApi, settings: Settings, proof: Proof
) -> None:
    rounds, chance, deaths = proof.size(short=3, full=60), random.Random(proof.seed), 0  # noqa: S311
    api.start()
    with httpx.Client(base_url=api.base_url, trust_env=False, timeout=60) as client:
        token = log_in(client, "operator")
    clients = [Client(api.base_url, token, proof.seed + n, refusals=REFUSALS) for n in range(CLIENTS)]
    clients.append(Client(api.base_url, token, proof.seed - 1, refusals=REFUSALS, shape_hw=LARGE_HW))
    with sending(clients) as line:
        for _ in range(rounds):
            deaths += has_died_of_want(api, line, chance.randrange(40) * _MIB)
    statuses = sum((client.statuses for client in clients), Counter[int]())
    proof.note(rounds=rounds, deaths=deaths, **{f"status_{status}": count for status, count in statuses.items()})
    api.kill()
    note_what_is_there(settings, line.acknowledged, proof)
    assert line.wrong == []
    assert deaths or line.answers > line.count(200), "it always had enough: this would test nothing"
    assert_all_is_there(settings, line.acknowledged, nothing_else=False)


def is_healthy(api: KillableApi) -> bool:
    try:
        answer = httpx.get(f"{api.base_url}/api/v1/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200

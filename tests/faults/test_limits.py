"""The system gives the API no more memory, files, room in files or processor time, under load.

It refuses, or it dies; nothing that it acknowledged is lost, no part gets a false verdict, and then it goes on.
"""

import os
import random
import resource
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
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
ANSWERS = 40
REFUSALS = frozenset({500, 503})
WANTS = {
    "memory": resource.RLIMIT_AS,
    "open files": resource.RLIMIT_NOFILE,
    "room in files": resource.RLIMIT_FSIZE,
    "processor time": resource.RLIMIT_CPU,
}


@pytest.fixture
def api(forker: Forker, settings: Settings, tmp_path: Path) -> Iterator[KillableApi]:
    environment = environment_of(settings, LOG_LEVEL="ERROR", INFERENCE_WORKERS="2")
    with closing(KillableApi(forker, environment, tmp_path / "api.log")) as api:
        yield api


def limit_of(api: KillableApi, want: str, chance: random.Random) -> int:
    """What the process has now, and hardly more."""
    process = Path(f"/proc/{api.pid}")
    if want == "memory":
        used_pages = int((process / "statm").read_text(encoding="ascii").split()[0])
        return used_pages * resource.getpagesize() + chance.choice((0, 4, 16, 40)) * _MIB
    if want == "open files":
        return max(int(name) for name in os.listdir(process / "fd")) + 1  # noqa: PTH208 - names, not paths
    if want == "room in files":
        return 0
    user, system = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) // os.sysconf("SC_CLK_TCK") + 1


def limit(api: KillableApi, want: str, soft: int | None = None) -> None:
    """Sets what the process may take; without a number what it might before."""
    with suppress(ProcessLookupError):  # it has died
        hard = resource.prlimit(api.pid, WANTS[want])[1]
        resource.prlimit(api.pid, WANTS[want], (hard if soft is None else soft, hard))


def has_died_of(want: str, api: KillableApi, line: Line, chance: random.Random) -> bool:
    """Whether the API ended when it got no more; it is healthy afterwards, started anew if need be."""
    told, before = len(line.acknowledged), line.answers
    until(lambda: len(line.acknowledged) > told + CLIENTS, "parts are acknowledged")
    limit(api, want, limit_of(api, want, chance))
    if want == "processor time":
        until(lambda: api.is_gone, "it is ended")  # the kernel leaves it no choice
    until(lambda: api.is_gone or line.answers > before + ANSWERS, "it answers, or dies")
    if not api.is_gone:
        limit(api, want)
        until(lambda: api.is_gone or is_healthy(api), "it is healthy again, or dies after all")
    if not api.is_gone:
        return False
    api.wait_until_gone()
    api.start()
    return True


def is_healthy(api: KillableApi) -> bool:
    try:
        answer = httpx.get(f"{api.base_url}/api/v1/health", timeout=5, trust_env=False)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


@pytest.mark.slow
@pytest.mark.prove("durability", "no more memory, files, room in files, processor time, while four clients send")
def test_nothing_acknowledged_is_lost_when_the_api_gets_no_more_of_what_it_needs(
    api: KillableApi, settings: Settings, proof: Proof
) -> None:
    rounds, chance, deaths = proof.size(short=1, full=8), random.Random(proof.seed), Counter[str]()  # noqa: S311
    api.start()
    with httpx.Client(base_url=api.base_url, trust_env=False, timeout=60) as client:
        token = log_in(client, "operator")
    clients = [Client(api.base_url, token, proof.seed + n, refusals=REFUSALS) for n in range(CLIENTS)]
    clients.append(Client(api.base_url, token, proof.seed - 1, refusals=REFUSALS, shape_hw=LARGE_HW))
    with sending(clients) as line:
        for _ in range(rounds):
            for want in WANTS:
                deaths[want] += has_died_of(want, api, line, chance)
    statuses = sum((client.statuses for client in clients), Counter[int]())
    proof.note(rounds=rounds, **{f"ended_for_want_of_{want}": count for want, count in deaths.items()})
    proof.note(**{f"status_{status}": count for status, count in sorted(statuses.items())}, cut_off=line.cut_off)
    api.kill()
    note_what_is_there(settings, line.acknowledged, proof)
    assert line.wrong == []
    assert deaths["processor time"] == rounds
    assert statuses[503], "it never lacked anything: this would test nothing"
    assert_all_is_there(settings, line.acknowledged, nothing_else=False)

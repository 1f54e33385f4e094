"""What the kernel is asked for, and in which order; and what becomes of a part when the kernel says no.

strace is the judge of the order, and its fault injection is what fails: no function of ours is replaced.
"""

import re
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from serving.media.store import INCOMING
from serving.settings import Settings
from tests.faults.killable import Forker, KillableApi, environment_of
from tests.pictures import jpeg_bytes, square_picture
from tests.prove.plugin import Proof
from tests.serving.conftest import PASSWORD, bearer

RED = jpeg_bytes(square_picture("red"))
WATCHED = "write,pwrite64,sendto,sendmsg,writev,fsync,fdatasync,rename,renameat,renameat2"
_CALL = re.compile(r"^(?P<pid>\d+) +(?P<at>\d+\.\d+) (?P<name>\w+)\((?P<rest>.*)$")
_RESUMED = re.compile(r"^(?P<pid>\d+) +(?P<at>\d+\.\d+) <\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)$")


def _can_trace() -> bool:
    if shutil.which("strace") is None:
        return False
    return (
        subprocess.run(
            ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "true"], check=False, capture_output=True
        ).returncode
        == 0
    )


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not _can_trace(), reason="strace is not installed here, or may not trace"),
]


@contextmanager
def traced(settings: Settings, folder: Path, *options: str) -> Iterator[tuple[httpx.Client, Path]]:
    """A logged-in client of an API that runs under strace, and the trace."""
    trace = folder / "trace"
    environment = environment_of(
        settings,
        RATE_LIMIT_LOGIN="1000000/minute",
        INFERENCE_WORKERS="1",
        STORAGE_ALARM_FREE_PERCENT="0",
        LOG_LEVEL="WARNING",
    )
    prefix = ("strace", "-f", "--seccomp-bpf", "-qq", "-ttt", "-y", "-s", "200", "-o", str(trace), *options)
    with closing(Forker(prefix)) as forker, closing(KillableApi(forker, environment, folder / "api.log")) as api:
        api.start()
        with httpx.Client(base_url=api.base_url, timeout=60, trust_env=False) as client:
            client.headers.update(bearer(log_in_at_last(client)))
            yield client, trace


def log_in_at_last(client: httpx.Client) -> str:
    """The token of an operator; a login is written down too, and that may be what fails."""
    for _ in range(20):
        answer = client.post("/api/v1/auth/login", json={"username": "operator", "password": PASSWORD})
        if answer.status_code == 200:
            return str(answer.json()["access_token"])
        assert answer.status_code == 503, answer.text
    raise AssertionError("no login was written down")


def ended_calls(trace: Path) -> list[tuple[str, str]]:
    """The calls in the order in which they returned, each with what it was about."""
    begun: dict[tuple[str, str], str] = {}
    ended = []
    for line in trace.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _CALL.match(line):
            if "<unfinished ...>" in line:
                begun[match["pid"], match["name"]] = match["rest"]
            else:
                ended.append((match["name"], match["rest"]))
        elif match := _RESUMED.match(line):
            ended.append((match["name"], begun.pop((match["pid"], match["name"]), "") + match["rest"]))
    return ended


def send(client: httpx.Client, number: int) -> httpx.Response:
    data = RED + number.to_bytes(4, "big")
    return client.post("/api/v1/inspect", files={"file": ("x.jpg", data)}, headers={"Idempotency-Key": f"k{number}"})


def place_of(calls: list[tuple[str, str]], names: str, words: tuple[str, ...], after: int) -> int:
    for place in range(after, len(calls)):
        name, rest = calls[place]
        if name in names.split("|") and all(word in rest for word in words):
            return place
    raise AssertionError(f"no {names} of {words} after call {after}")


@pytest.mark.prove("durability", "order of system calls: picture synced, renamed, folder synced, row synced, answer")
def test_answer_is_sent_after_picture_and_row_are_on_disk(settings: Settings, tmp_path: Path, proof: Proof) -> None:
    answers = []
    with traced(settings, tmp_path, "-e", f"trace={WATCHED}") as (client, trace):
        send(client, 0)  # makes the folders of the day
        for number in range(1, proof.size(short=10, full=1000) + 1):
            answer = send(client, number)
            assert answer.status_code == 200, answer.text
            answers.append(answer.json()["id"])
    calls, place, in_order = ended_calls(trace), 0, 0
    for inspection_id in answers:
        synced = place_of(calls, "fsync", (f"/{INCOMING}/{inspection_id}", "= 0"), place)
        renamed = place_of(calls, "rename|renameat|renameat2", (inspection_id, "= 0"), synced)
        folder = place_of(calls, "fsync", (str(settings.media_dir), "= 0"), renamed)
        row = place_of(calls, "fdatasync|fsync", ("ussop.db-wal", "= 0"), folder)
        place = place_of(calls, "sendto|sendmsg|write|writev", ("HTTP/1.1 200",), row)
        in_order += 1
    proof.note(acknowledged=len(answers), in_order=in_order)


@pytest.mark.prove("durability", "the n-th system call of the write path fails, n = 1, 2, 3 …")
@pytest.mark.parametrize("error", ["EIO", "ENOSPC"])
@pytest.mark.parametrize("call", ["fsync", "rename", "pwrite64", "fdatasync"])
def test_part_is_refused_or_whole_when_a_system_call_fails(
    settings: Settings, tmp_path: Path, proof: Proof, call: str, error: str
) -> None:
    if not proof.is_full and (call, error) not in {("fsync", "EIO"), ("pwrite64", "ENOSPC")}:
        pytest.skip("in make prove")
    rounds, statuses = proof.size(short=8, full=60), Counter[int]()
    acknowledged: dict[str, bytes] = {}
    # Every so many-th call of each thread fails: with the parts that moves through every stage of the write path.
    step = {"fsync": 7, "rename": 3, "pwrite64": 151, "fdatasync": 5}[call]
    where = (f"-P{settings.data_dir / 'ussop.db-wal'}",) if call in {"pwrite64", "fdatasync"} else ()
    inject = f"inject={call}:error={error}:when=4+{step}"
    with traced(settings, tmp_path, "-e", f"trace={call}", "-e", inject, *where) as (client, _):
        for number in range(rounds):
            answer = send(client, number)
            statuses[answer.status_code] += 1
            if answer.status_code == 200:
                acknowledged[answer.json()["id"]] = RED + number.to_bytes(4, "big")
        rows = {row["id"] for row in client.get("/api/v1/inspections?limit=500").json()["inspections"]}
        wrong = [key for key, data in acknowledged.items() if read(client, key) != data]
    proof.note(**{f"status_{status}": count for status, count in sorted(statuses.items())})
    proof.note(lost=len(set(acknowledged) - rows), rows_nobody_was_told_of=len(rows - set(acknowledged)))
    assert set(statuses) <= {200, 503}
    assert statuses[503], "nothing failed: this would test nothing"
    assert statuses[200], "nothing works any more after a failure"
    assert set(acknowledged) <= rows
    assert wrong == []


def read(client: httpx.Client, inspection_id: str) -> bytes:
    record = client.get(f"/api/v1/inspect/{inspection_id}").json()
    give_up_at = time.monotonic() + 20
    while (answer := client.get(record["image_url"])).status_code >= 500 and time.monotonic() < give_up_at:
        time.sleep(0.05)
    return answer.content

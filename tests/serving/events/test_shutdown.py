"""The API ends soon, whoever follows."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from serving.settings import Settings
from tests.serving.conftest import bearer, log_in
from tests.serving.events.api_process import api_process
from tests.serving.events.following import DEADLINE_S, following
from tests.serving.events.test_slow import deaf


def test_everybody_is_let_go_when_the_api_ends(settings: Settings, tmp_path: Path) -> None:
    with api_process(settings, tmp_path / "api.log") as (client, process), ThreadPoolExecutor(1) as pool:
        token = log_in(client, "viewer")
        waiting = pool.submit(client.get, "/api/v1/events", params={"wait_s": 25}, headers=bearer(token))
        with following(client, token) as follower, deaf(client, token):
            follower.next()
            began_s = time.monotonic()
            process.terminate()
            assert follower.closing()[0] == 1012
            answer = waiting.result(DEADLINE_S)
            assert process.wait(DEADLINE_S) in {0, -signal.SIGTERM}  # uvicorn hands the signal on when it is done
        assert time.monotonic() - began_s < DEADLINE_S
        assert (answer.status_code, answer.json()["events"]) == (200, [])

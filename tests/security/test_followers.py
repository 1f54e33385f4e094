"""Who may follow over the WebSocket, and what they hear: people of each role, API keys, nobody."""

from typing import Final

import httpx
import pytest
from websockets.exceptions import InvalidStatus

from serving.auth.principal import ROLES
from serving.events import connection
from tests.contracts.running import KEY_STATION, Running
from tests.prove.plugin import Proof
from tests.serving.events.following import GOOD, Follower, following

ELSEWHERE: Final = "line-elsewhere"
CALLERS: Final = ("anonymous", *ROLES, *(f"{role} key" for role in ROLES), "station key", "platform")


def token_of(platform: Running, caller: str) -> str | None:
    headers = platform.callers[caller]
    return headers.get("X-API-Key") or headers.get("Authorization", "").removeprefix("Bearer ") or None


def stations_heard(follower: Follower, last: str) -> list[str]:
    """Those whose inspections are told, until the one of the id."""
    heard = []
    while True:
        told = follower.next_of("inspection")["data"]
        heard.append(str(told["station_id"]))
        if told["id"] == last:
            return heard


def inspected(operator: httpx.Client, station_id: str) -> str:
    answer = operator.post("/api/v1/inspect", files={"file": ("x.png", GOOD)}, data={"station_id": station_id})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


@pytest.mark.prove("identity", "the WebSocket as each caller: who is let in, and which stations they hear of")
def test_caller_hears_of_its_stations_and_no_other_when_following(
    platform: Running, operator: httpx.Client, monkeypatch: pytest.MonkeyPatch, proof: Proof
) -> None:
    monkeypatch.setattr(connection, "FIRST_MESSAGE_S", 0.2)
    wrong: dict[str, object] = {}
    for caller in CALLERS:
        token = token_of(platform, caller)
        with following(operator, token) as follower:
            if token is None:
                found: object = follower.closing()[0]
                expected: object = 4401
            else:
                follower.next_of("ping")
                inspected(operator, ELSEWHERE)
                found = stations_heard(follower, inspected(operator, KEY_STATION))
                expected = [KEY_STATION] if caller == "station key" else [ELSEWHERE, KEY_STATION]
        if found != expected:
            wrong[caller] = found
    proof.note(callers=len(CALLERS), wrong=len(wrong))
    assert wrong == {}


def test_key_for_a_station_is_turned_away_when_it_asks_for_another(platform: Running, operator: httpx.Client) -> None:
    with following(operator, token_of(platform, "station key"), station_id=ELSEWHERE) as follower:
        assert follower.closing()[0] == 4403


@pytest.mark.parametrize("caller", ["viewer", "admin"])
def test_nothing_changes_when_a_follower_says_that_something_happened(
    platform: Running, operator: httpx.Client, caller: str
) -> None:
    """Following is all that a WebSocket is for, whatever the role."""
    before = operator.get("/api/v1/inspections").json()["total"]
    with (
        following(operator, token_of(platform, "viewer")) as witness,
        following(operator, token_of(platform, caller)) as follower,
    ):
        witness.next_of("ping")
        follower.next_of("ping")
        for kind in ("inspection", "alert", "model", "station", "job"):
            follower.send({"type": kind, "data": {"id": "forged", "station_id": KEY_STATION}})
        heard = stations_heard(witness, inspected(operator, KEY_STATION))
    assert heard == [KEY_STATION]
    assert operator.get("/api/v1/inspections").json()["total"] == before + 1


def test_handshake_is_refused_when_a_page_of_somebody_else_opens_it(platform: Running, operator: httpx.Client) -> None:
    token = token_of(platform, "admin")
    with (
        pytest.raises(InvalidStatus) as refused,
        following(operator, token, origin="https://evil.example"),
    ):
        pass
    assert refused.value.response.status_code == 403

"""`WS /ws/dashboard`, as the reference shows it."""

from typing import Final

import httpx

from serving.events import pulse
from tests.contracts.calls import inspect
from tests.contracts.reference import HEARTBEAT_S, INSPECTION, STATISTICS
from tests.contracts.running import Running
from tests.contracts.shapes import problems
from tests.serving.audit.acts import Stage
from tests.serving.events.following import following

_TYPES: Final = {"inspection": INSPECTION, "stats": STATISTICS, "ping": STATISTICS}


def test_messages_are_those_of_the_reference_when_a_part_is_inspected(platform: Running, stage: Stage) -> None:
    token = platform.callers["viewer"]["Authorization"].removeprefix("Bearer ")
    with httpx.Client(base_url=platform.url) as client, following(client, token) as follower:
        assert problems(STATISTICS, follower.next_of("ping")["data"]) == []  # the greeting
        inspection = inspect(stage).json()
        # The heartbeat comes every 5 s whatever else is told, so that each of the three is seen.
        seen = {kind: follower.next_of(kind) for kind in ("inspection", "stats", "ping")}
    for kind, message in seen.items():
        assert message["type"] == kind
        assert problems(_TYPES[kind], message["data"]) == []
    assert seen["inspection"]["data"]["id"] == inspection["id"]
    assert pulse.PING_S == HEARTBEAT_S

"""The line goes first, and the background still gets its turn."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from serving.live.precedence import Precedence, is_background
from tests.pictures import png_bytes, square_picture
from tests.serving.conftest import PASSWORD, bearer


@pytest.mark.parametrize(
    ("header", "gives_way"),
    [
        (None, False),
        ("", False),
        ("u=3", False),
        ("u=4", True),
        ("u=7, i", True),
        ("i, u=7", True),
        ("u=0", False),
        ("u=8", False),
        ("u=77", False),
        ("nonsense u=7", False),
        ("nu=7", False),
    ],
)
def test_request_gives_way_when_its_priority_says_so(header: str | None, *, gives_way: bool) -> None:
    assert is_background(header) is gives_way


class _Scene:
    """Pictures of the background, and how many of them are on their way."""

    def __init__(self, *, longest_wait_s: float = 30.0) -> None:
        self.now_s = 1000.0
        self.precedence = Precedence(lambda: self.now_s, longest_wait_s)
        self.under_way = 0
        self.begun, self.let_go = asyncio.Semaphore(0), asyncio.Event()

    async def picture(self) -> None:
        async with self.precedence.background():
            self.under_way += 1
            self.begun.release()
            await self.let_go.wait()
            self.under_way -= 1

    async def begin(self, number: int) -> list["asyncio.Task[None]"]:
        tasks = [asyncio.create_task(self.picture()) for _ in range(number)]
        await _settled()
        return tasks


async def _settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_all_go_at_once_when_there_is_no_line() -> None:
    async def scenario() -> None:
        scene = _Scene()
        tasks = await scene.begin(5)
        assert scene.under_way == 5
        scene.let_go.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_nothing_begins_while_a_part_is_judged_and_one_at_a_time_after_it() -> None:
    async def scenario() -> None:
        scene = _Scene()
        with scene.precedence.line():
            tasks = await scene.begin(3)
            assert (scene.under_way, scene.precedence.held_back) == (0, 3)
        await _settled()
        assert (scene.under_way, scene.precedence.held_back) == (1, 2)
        scene.let_go.set()  # each lets the next one go
        await asyncio.gather(*tasks)
        scene.let_go.clear()
        scene.now_s += 61  # the line is idle by now
        tasks = await scene.begin(3)
        assert scene.under_way == 3
        scene.let_go.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())


def test_picture_is_held_back_no_longer_than_it_may_be() -> None:
    async def scenario() -> None:
        scene = _Scene(longest_wait_s=0.02)
        with scene.precedence.line():
            tasks = await scene.begin(2)
            assert scene.under_way == 0
            async with asyncio.timeout(20):
                await scene.begun.acquire()
                await scene.begun.acquire()
            scene.let_go.set()
            await asyncio.gather(*tasks)
        assert scene.precedence.held_back == 0
        assert (await scene.begin(1))[0].done()

    asyncio.run(scenario())


@pytest.mark.parametrize("has_turn", [False, True])
def test_next_one_goes_when_a_caller_leaves(*, has_turn: bool) -> None:
    async def scenario() -> None:
        scene = _Scene()
        with ExitStack() as line:
            line.enter_context(scene.precedence.line())
            first, second = await scene.begin(2)
            if has_turn:
                line.close()  # the first one's turn has come, but it does not run yet
            first.cancel()
            await _settled()
        await _settled()
        assert first.cancelled()
        assert (scene.under_way, scene.precedence.held_back) == (1, 0)
        scene.let_go.set()
        await second

    asyncio.run(scenario())


def test_upload_waits_for_the_line_when_its_priority_is_low(app: FastAPI) -> None:
    picture = png_bytes(square_picture(None))
    with TestClient(app, base_url="http://127.0.0.1:8080") as client, ThreadPoolExecutor(1) as callers:
        precedence = app.state.platform.live.precedence
        login = client.post("/api/v1/auth/login", json={"username": "operator", "password": PASSWORD})
        who = bearer(login.json()["access_token"])

        def post(**headers: str) -> int:
            files = {"file": ("part.png", picture)}
            return client.post("/api/v1/inspect", files=files, headers=who | headers).status_code

        assert client.portal is not None
        line = precedence.line()
        client.portal.call(line.__enter__)
        try:
            low = callers.submit(post, Priority="u=7")
            while precedence.held_back != 1:
                assert not low.done()
            assert post() == 200
            assert not low.done()
        finally:
            client.portal.call(line.__exit__, None, None, None)
        assert low.result(30) == 200

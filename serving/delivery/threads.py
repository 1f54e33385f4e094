"""Blocking calls to the outside, in threads that nobody has to wait for."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_own_thread(work: Callable[[], T], timeout_s: float) -> T:
    """What `work` gives, from a thread of its own.

    A name server or a mail server may let a call hang beyond every deadline. Such a thread belongs to no pool, whose
    places others need, and it is a daemon, so that the process can end without it.

    Raises:
        TimeoutError: It takes longer than `timeout_s`; the thread is left to itself.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]  # without an error there is a result

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as caught:  # noqa: BLE001 - handed to whoever waits
            error = caught
        try:
            loop.call_soon_threadsafe(finish, result, error)
        except RuntimeError:
            return  # the loop has ended, and with it whoever waited

    threading.Thread(target=run, name="delivery", daemon=True).start()
    async with asyncio.timeout(timeout_s):
        return await done

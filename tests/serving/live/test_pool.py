"""Deadlines, admission and the change of models."""

import asyncio
import threading

import pytest

from models.bundle import Bundle
from models.errors import InferenceError
from models.runtime import open_runtime
from serving.errors import NotReady, Overloaded
from serving.live.admission import Admission
from serving.live.holder import LoadedModel, ModelHolder
from serving.live.pool import InferencePool


def test_there_is_an_error_in_time_when_the_network_hangs() -> None:
    let_go = threading.Event()

    async def scenario() -> int:
        pool = InferencePool(workers=2, timeout_s=0.05)
        with pytest.raises(InferenceError):
            await pool.run(lambda: let_go.wait(30))
        assert pool.stuck == 1
        assert await pool.run(lambda: 7) == 7  # the other thread goes on
        let_go.set()
        pool.close()
        return 7

    try:
        assert asyncio.run(scenario()) == 7
    finally:
        let_go.set()


def test_waiting_jobs_are_counted_until_they_begin_or_are_given_up() -> None:
    let_go, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        let_go.wait(30)

    async def scenario() -> None:
        pool = InferencePool(workers=1, timeout_s=20)
        first = asyncio.create_task(pool.run(hold))
        await asyncio.to_thread(begun.wait, 20)
        others = [asyncio.create_task(pool.run(lambda: 7)) for _ in range(3)]
        await asyncio.sleep(0)
        assert pool.waiting == 3
        others[0].cancel()
        await asyncio.gather(others[0], return_exceptions=True)
        assert pool.waiting == 2
        let_go.set()
        await asyncio.gather(first, *others[1:])
        assert pool.waiting == 0
        pool.close()

    try:
        asyncio.run(scenario())
    finally:
        let_go.set()


def test_threads_are_replaced_when_all_of_them_hang() -> None:
    let_go = threading.Event()

    async def scenario() -> str:
        pool = InferencePool(workers=2, timeout_s=0.05)
        hanging = [pool.run(lambda: let_go.wait(30)) for _ in range(2)]
        errors = await asyncio.gather(*hanging, return_exceptions=True)
        assert {type(error) for error in errors} == {InferenceError}
        name = await pool.run(lambda: threading.current_thread().name)
        assert pool.stuck == 0
        pool.close()
        return name

    try:
        assert asyncio.run(scenario()).startswith("inference-1")
    finally:
        let_go.set()


def test_waiting_job_is_taken_by_the_new_threads_when_the_old_ones_are_replaced() -> None:
    let_go = threading.Event()

    async def scenario() -> int:
        pool = InferencePool(workers=1, timeout_s=0.3)
        hanging = asyncio.create_task(pool.run(lambda: let_go.wait(30)))
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(pool.run(lambda: 7))  # its deadline passes after the replacement
        with pytest.raises(InferenceError):
            await hanging
        answer = await waiting
        pool.close()
        return answer

    try:
        assert asyncio.run(scenario()) == 7
    finally:
        let_go.set()


def test_job_never_runs_when_its_deadline_passed_in_the_queue() -> None:
    let_go, ran = threading.Event(), threading.Event()

    async def scenario() -> None:
        pool = InferencePool(workers=1, timeout_s=0.05)
        # The first hangs, the second waits behind it; the second one's deadline passes there.
        outcomes = await asyncio.gather(pool.run(lambda: let_go.wait(30)), pool.run(ran.set), return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {InferenceError}
        let_go.set()
        assert await pool.run(lambda: 1) == 1
        pool.close()

    asyncio.run(scenario())
    assert not ran.is_set()


def test_error_of_the_work_is_the_callers_when_it_fails() -> None:
    async def scenario() -> None:
        pool = InferencePool(workers=1, timeout_s=5)
        with pytest.raises(ZeroDivisionError):
            await pool.run(lambda: 1 // 0)
        pool.close()

    asyncio.run(scenario())


def test_rest_never_begins_when_the_work_was_late() -> None:
    let_go, rested = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def work() -> None:
        threads.append(threading.current_thread())
        assert let_go.wait(30)

    async def scenario() -> None:
        pool = InferencePool(workers=1, timeout_s=0.05)
        with pytest.raises(InferenceError):
            await pool.run_then(work, lambda _: rested.set())
        pool.close()

    asyncio.run(scenario())
    let_go.set()
    threads[0].join(30)
    assert not threads[0].is_alive()
    assert not rested.is_set()


def test_rest_is_waited_for_when_it_outlasts_the_deadline() -> None:
    let_go = threading.Event()

    def rest(name: str) -> tuple[str, str]:
        assert let_go.wait(30)
        return name, threading.current_thread().name

    async def scenario() -> None:
        pool = InferencePool(workers=1, timeout_s=0.05)
        asyncio.get_running_loop().call_later(0.3, let_go.set)
        assert await pool.run_then(lambda: threading.current_thread().name, rest) == ("inference-0_0",) * 2
        assert pool.stuck == 0
        pool.close()

    asyncio.run(scenario())


def test_place_is_refused_when_too_many_or_too_much_is_inside() -> None:
    admission = Admission(2, 100)
    with admission.enter(), admission.enter(), pytest.raises(Overloaded), admission.enter():
        pass
    assert admission.jobs == 0
    with admission.hold(60):
        with pytest.raises(Overloaded), admission.hold(60):
            pass
        with admission.hold(40):
            pass
    with admission.hold(500):  # a single one always fits
        pass


def test_inspection_keeps_its_model_when_another_is_put_to_use(tiny_bundle: Bundle) -> None:
    old, new = (LoadedModel(open_runtime(tiny_bundle, backend="onnxruntime")) for _ in range(2))
    holder = ModelHolder()
    with pytest.raises(NotReady), holder.lease():
        pass
    assert holder.swap(old)
    with holder.lease() as leased:
        assert not holder.swap(new, drain_s=0.01)  # the old one is in use still
        assert leased is old
        with holder.lease() as following:
            assert following is new
    assert holder.current is new
    assert holder.swap(old)

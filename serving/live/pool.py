"""The threads that run the network, each job with a deadline. The runtimes release the GIL while they compute."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import structlog

from models.errors import InferenceError

T = TypeVar("T")
U = TypeVar("U")

_log = structlog.get_logger(__name__)


class InferencePool:
    """A fixed number of threads. Threads that hang in native code cannot be killed; they are replaced."""

    def __init__(
        self,
        workers: int,
        timeout_s: float,
        *,
        name: str = "inference",
        initializer: Callable[[], None] | None = None,
    ) -> None:
        self.workers = workers
        self._timeout_s = timeout_s
        self._name = name
        self._initializer = initializer
        self._lock = threading.Lock()
        self._stuck = 0
        self._replaced = 0
        # A lock of its own: jobs are cancelled, and counted, while the other one is held.
        self._counting = threading.Lock()
        self._waiting = 0
        self._executor = self._new_executor()

    @property
    def stuck(self) -> int:
        """Threads of the present set that are past the deadline of their job."""
        return self._stuck

    @property
    def waiting(self) -> int:
        """Jobs that no thread has begun."""
        return self._waiting

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, run in one of the threads.

        Raises:
            InferenceError: Not done within the deadline, counted from the call. No verdict, so never a *pass*.
        """
        return await self.run_then(work, lambda result: result)

    async def run_then(self, work: Callable[[], T], rest: Callable[[T], U]) -> U:
        """What `rest` makes of the result of `work`, both in one of the threads: no way back and forth between them.

        The deadline is that of `work` alone. Where it is late, `rest` never begins; once `rest` may begin, it is waited
        for however long it takes.

        Raises:
            InferenceError: `work` was not done within the deadline, counted from the call.
        """
        decided = threading.Lock()

        def both() -> U:
            result = work()
            if not decided.acquire(blocking=False):
                raise InferenceError("too late")  # nobody hears it
            return rest(result)

        executor, job = self._executor, self._submit(self._executor, both)
        try:
            async with asyncio.timeout(self._timeout_s):
                while True:
                    try:
                        return await asyncio.wrap_future(job)
                    except asyncio.CancelledError:
                        if not _was_dropped(job):
                            raise
                    # The threads were replaced before one was free: the new ones take it, within the same deadline.
                    executor, job = self._executor, self._submit(self._executor, both)
        except TimeoutError:
            if not decided.acquire(blocking=False):
                return await asyncio.wrap_future(job)
            # `cancel` has worked for a job that still waited: it will not run for nobody.
            if not job.cancelled():
                self._note_stuck(executor, job)
            raise InferenceError(f"no result within {self._timeout_s:g} s") from None

    def close(self) -> None:
        """Takes no more work; a thread that hangs is left to the end of the process."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _submit(self, executor: ThreadPoolExecutor, work: Callable[[], T]) -> "Future[T]":
        def begin() -> T:
            self._count_waiting(-1)
            return work()

        self._count_waiting(1)
        try:
            job = executor.submit(begin)
        except RuntimeError:
            self._count_waiting(-1)
            raise
        # What is cancelled never began, whether the caller gave up or the executor was replaced.
        job.add_done_callback(lambda done: self._count_waiting(-1) if done.cancelled() else None)
        return job

    def _count_waiting(self, change: int) -> None:
        with self._counting:
            self._waiting += change

    def _new_executor(self) -> ThreadPoolExecutor:
        name = f"{self._name}-{self._replaced}"
        return ThreadPoolExecutor(self.workers, thread_name_prefix=name, initializer=self._initializer)

    def _note_stuck(self, executor: ThreadPoolExecutor, job: "Future[T]") -> None:
        with self._lock:
            if executor is not self._executor:
                return
            self._stuck += 1
            _log.error(
                "inference_stuck", pool=self._name, stuck=self._stuck, workers=self.workers, timeout_s=self._timeout_s
            )
            if self._stuck >= self.workers:
                self._replaced += 1
                self._stuck = 0
                self._executor = self._new_executor()
                executor.shutdown(wait=False, cancel_futures=True)
                _log.error("inference_threads_replaced", pool=self._name, times=self._replaced)
                return
        job.add_done_callback(lambda _: self._note_unstuck(executor))

    def _note_unstuck(self, executor: ThreadPoolExecutor) -> None:
        with self._lock:
            if executor is self._executor and self._stuck:
                self._stuck -= 1


def _was_dropped(job: "Future[T]") -> bool:
    """Whether the executor cancelled a job that its caller still waits for."""
    task = asyncio.current_task()
    return job.cancelled() and task is not None and not task.cancelling()

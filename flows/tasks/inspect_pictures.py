"""Sends many pictures to the API, some at a time, and gives each verdict back as it comes."""

import errno
import os
import queue
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from serving.client import ClientError, UssopClient
from serving.inspections.schemas import InspectionOut

# A restart of the API takes seconds, a rate limit a minute: who waits longer than this waits in vain.
_PATIENCE_S: Final = 120.0
_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_LONGEST_PART_ID: Final = 128

MakeKey = Callable[[str, bytes], str]


@dataclass(frozen=True, slots=True)
class InspectedPicture:
    """What became of one picture: a verdict, or a problem.

    Attributes:
        name: Path below the folder.
        verdict: The stored inspection, None if there is none.
        problem: Why there is none, None if there is one.
    """

    name: str
    verdict: InspectionOut | None
    problem: str | None = None


@dataclass
class Tally:
    """Counts what is done, and keeps the first pictures of each kind for people to look at."""

    total: int
    decisions: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    kept: list[InspectedPicture] = field(default_factory=list)
    failures: list[InspectedPicture] = field(default_factory=list)

    def add(self, picture: InspectedPicture, *, keep: int) -> None:
        """Counts a picture; keeps it while fewer than `keep` are kept."""
        if picture.verdict is None:
            self.failed += 1
            if len(self.failures) < keep:
                self.failures.append(picture)
        else:
            self.decisions[picture.verdict.decision] += 1
        if len(self.kept) < keep:
            self.kept.append(picture)

    @property
    def done(self) -> int:
        """Pictures with a verdict or a problem."""
        return self.decisions.total() + self.failed

    def counts(self) -> dict[str, int]:
        """Every count, by its name on the wire."""
        verdicts = {name: self.decisions[name] for name in ("pass", "fail", "uncertain")}
        return {"total": self.total, "processed": self.done, "failed": self.failed, **verdicts}

    def __str__(self) -> str:
        """One line for people."""
        counts = self.counts()
        verdicts = ", ".join(f"{counts[name]} {name}" for name in ("pass", "fail", "uncertain"))
        return f"{self.done} of {self.total} pictures: {verdicts}; {self.failed} without a verdict"


class PictureInspector:
    """Threads that send pictures. They hold nothing up: the process may end while they wait for an answer."""

    def __init__(self, client: UssopClient, folder: Path, *, station_id: str, most_bytes: int) -> None:
        """Takes the connection, where the pictures lie, whose recipe decides, and the largest picture in bytes."""
        self._client = client
        self._folder = folder
        self._station_id = station_id
        self._most_bytes = most_bytes
        self._stopped = threading.Event()
        self._last_answer_s = time.monotonic()

    def __enter__(self) -> Self:
        """The inspector itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Lets no further picture be sent."""
        self._stopped.set()

    def inspect_all(self, names: Sequence[str], make_key: MakeKey, *, at_once: int) -> Iterator[InspectedPicture]:
        """Every picture once, in the order in which they are done.

        Args:
            names: Paths below the folder.
            make_key: The idempotency key of a path and a content.
            at_once: Threads, at least 1.

        Raises:
            ClientError: The API does not answer for minutes, or refuses the account.
        """
        left, lock = iter(names), threading.Lock()
        results: queue.SimpleQueue[InspectedPicture | BaseException] = queue.SimpleQueue()

        def work() -> None:
            try:
                while not self._stopped.is_set():
                    with lock:
                        name = next(left, None)
                    if name is None:
                        return
                    results.put(self._inspect(name, make_key))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that reads the results
                results.put(error)

        for number in range(min(at_once, len(names))):
            threading.Thread(target=work, name=f"inspect-{number}", daemon=True).start()
        for _ in names:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _inspect(self, name: str, make_key: MakeKey) -> InspectedPicture:
        try:
            data = _read_beneath(self._folder, name, self._most_bytes + 1)
        except OSError as error:
            return InspectedPicture(name, None, f"cannot be read: {error.strerror}")
        if len(data) > self._most_bytes:
            return InspectedPicture(name, None, f"is larger than {self._most_bytes // 2**20} MiB")
        options = {
            "station_id": self._station_id,
            "part_id": _part_id(name),
            "idempotency_key": make_key(name, data),
            "is_background": True,
        }
        return self._send_until_answered(name, data, options)

    def _send_until_answered(self, name: str, data: bytes, options: dict[str, Any]) -> InspectedPicture:
        began_s = time.monotonic()
        while True:
            try:
                verdict = self._client.inspect(data, **options)
            except ClientError as error:
                if error.status in {401, 403}:
                    raise  # no picture will fare better
                if not error.is_passing:
                    return InspectedPicture(name, None, str(error))
                if time.monotonic() - began_s > _PATIENCE_S:
                    if self._last_answer_s < began_s:
                        raise  # nobody got through meanwhile: it is the platform, not this picture
                    return InspectedPicture(name, None, str(error))
                if self._stopped.wait(min(error.retry_after_s or _PAUSE_S, _LONGEST_PAUSE_S)):
                    raise
            else:
                self._last_answer_s = time.monotonic()
                return InspectedPicture(name, verdict)


def _read_beneath(folder: Path, name: str, most_bytes: int) -> bytes:
    """The first bytes of a plain file of the folder. Links are left out also if they came after the folder was read.

    Raises:
        OSError: It cannot be read, or is no plain file of this folder.
    """
    descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        real = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not stat.S_ISREG(os.fstat(descriptor).st_mode) or not real.is_relative_to(folder.resolve()):
            raise PermissionError(errno.EPERM, "it is no plain file of the folder")
        return file.read(most_bytes)


def _part_id(name: str) -> str | None:
    """The path as the part's name, so that an inspection says which file it is of; None if it cannot be one."""
    return name if len(name) <= _LONGEST_PART_ID and name.isprintable() else None

"""The progress bar of a flow run in Prefect's UI, which never slows the run or fails it."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx
from prefect.artifacts import create_progress_artifact
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactUpdate
from prefect.exceptions import PrefectException
from prefect.logging import get_logger

_INTERVAL_S = 2.0
Watcher = Callable[[str, int, int], None]
"""Is told what is being done, how many steps are done, and of how many; in the flow's thread, so it must be quick."""
_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> None:
    """Lets somebody beside Prefect follow every progress of this process: the command line shows a bar."""
    _watchers.append(watcher)


class Progress:
    """A progress artifact, written by a thread of its own: an update blocks for as long as the server is away."""

    def __init__(self, key: str, description: str, total: int) -> None:
        """Takes the artifact's key (lower case, digits, dashes), what it says, and the number of steps."""
        self._key = key
        self._description = description
        self._total = max(1, total)
        self._done = 0
        self._ended = threading.Event()
        self._artifact_id: UUID | None = None
        self._thread = threading.Thread(target=self._write_until_ended, name="progress", daemon=True)

    def __enter__(self) -> Self:
        """Makes the artifact, at 0 %."""
        created = create_progress_artifact(progress=0.0, key=self._key, description=self._description)
        self._artifact_id = created if isinstance(created, UUID) else None
        self._thread.start()
        self._tell_watchers()
        return self

    def reached(self, done: int) -> None:
        """Notes how many steps are done. Costs nothing; the newest value is written every two seconds."""
        self._done = done
        self._tell_watchers()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Writes the last value, unless the server is away."""
        self._ended.set()
        self._thread.join(timeout=5.0)

    def _tell_watchers(self) -> None:
        for watcher in _watchers:
            watcher(self._description, self._done, self._total)

    def _write_until_ended(self) -> None:
        if self._artifact_id is None:
            return
        written = 0
        # One client for all of them: `update_progress_artifact` makes one each time, which reads the authorities'
        # certificates, a tenth of a second of a core.
        with get_client(sync_client=True) as client:
            while not self._ended.wait(_INTERVAL_S):
                if self._done != written:
                    written = self._done
                    self._write(client, self._artifact_id, written)
            if self._done != written:
                self._write(client, self._artifact_id, self._done)

    def _write(self, client: SyncPrefectClient, artifact_id: UUID, done: int) -> None:
        percent = min(100.0, 100.0 * done / self._total)
        try:
            client.update_artifact(artifact_id, ArtifactUpdate(data=percent))
        except (httpx.HTTPError, PrefectException) as error:
            get_logger(__name__).debug("progress not written: %s", error)

"""The whole process: the server, who follows the events, and who tells the API that it lives."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import structlog

from opcua.accounts import NOBODY, Accounts, PlatformUser
from opcua.errors import NodeSetError
from opcua.follower import Follower
from opcua.heartbeat import Pulse
from opcua.history import ResultHistory
from opcua.machine_vision.adapter import MachineVision
from opcua.notifications import Notifications
from opcua.server import Built, build_server, counts
from opcua.settings import OpcUaSettings
from opcua.trigger import Trigger
from serving.client import ServiceAccount
from serving.client_opcua import OpcUaClient
from serving.opcua_status.schemas import Heartbeat

_TICK_S: Final = 1.0
_CHECK_USERS_S: Final = 60.0
# Longer than a long poll; and short, so that an API that hangs is noticed.
_FOLLOW_TIMEOUT_S: Final = 12.0
_PULSE_TIMEOUT_S: Final = 2.0
_THREADS: Final = 128
EXIT_OUT_OF_MEMORY: Final = 3
_log = structlog.get_logger(__name__)


class Plant:
    """Runs everything on one event loop; what waits for the API waits in threads.

    Attributes:
        built: The server and what it shows.
        follower: Reads the events.
    """

    def __init__(
        self, settings: OpcUaSettings, built: Built, accounts: Accounts, clients: tuple[OpcUaClient, ...]
    ) -> None:
        """Takes the parts; `open` makes them."""
        self.built = built
        self._settings = settings
        self._accounts = accounts
        self._clients = clients
        following, pulsing, _ = clients
        self.follower = Follower(following, built.board)
        self._pulse = Pulse(pulsing, self.follower, self._report)
        self.follower.wake = self._pulse.wake
        self._machine_vision: MachineVision | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(cls, settings: OpcUaSettings, account: ServiceAccount) -> Self:
        """Everything that is needed; it does not listen yet.

        Raises:
            OSError: The folder of the certificates cannot be used.
        """
        # A trigger at every station, and none makes the heartbeat wait.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_THREADS, "api"))
        # Ways of their own: none may wait behind another's request, nor for another's login.
        clients = tuple(
            OpcUaClient(settings.api_url, account, timeout_s=timeout_s)
            for timeout_s in (_FOLLOW_TIMEOUT_S, _PULSE_TIMEOUT_S, settings.opcua_trigger_timeout_s + 5)
        )
        asking = clients[2]
        accounts, history = Accounts(asking), ResultHistory(asking)
        plant = cls(settings, await build_server(settings, accounts, history), accounts, clients)
        await plant._furnish()
        return plant

    async def _furnish(self) -> None:
        """Puts into the address space what goes beyond the reference's nodes."""
        built, asking = self.built, self._clients[2]
        notifications = await Notifications.open(built.server, built.board)
        self.follower.on_alert.append(notifications.tell_alert)
        trigger = Trigger(asking, self._accounts, built.board, self._settings.opcua_trigger_timeout_s)
        await trigger.add_method()
        try:
            self._machine_vision = await MachineVision.open(built.server, built.board, trigger, asking)
        except NodeSetError as error:
            _log.warning("opcua_without_machine_vision", reason=str(error), missing="OPC 40100-1")

    async def __aenter__(self) -> Self:
        """Begins to listen and to follow."""
        await self.built.server.start()
        loops = {
            "follower": self.follower.run(),
            "pulse": self._pulse.run(),
            "tick": self._tick(),
            "users": self._check_users(),
            "certificates": self.built.server.watch_certificates(),
        }
        self._tasks = [asyncio.create_task(work, name=name) for name, work in loops.items()]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends."""
        if self._machine_vision is not None:
            self._machine_vision.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.built.server.stop()
        for client in self._clients:
            client.__exit__(None, None, None)

    async def run(self, stop: asyncio.Event) -> int:
        """The exit code: 0 when told to stop; another one when memory ran out or a loop ended, to be started anew."""
        most_bytes = self._settings.opcua_memory_mb * 2**20
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _TICK_S)
            if (used := _resident_bytes()) > most_bytes:
                _log.error("opcua_out_of_memory", used_mb=used // 2**20, most_mb=self._settings.opcua_memory_mb)
                return EXIT_OUT_OF_MEMORY
            if ended := [task for task in self._tasks if task.done()]:
                _log.error("opcua_loop_ended", loops=[task.get_name() for task in ended])
                return 1
        return 0

    def _report(self) -> Heartbeat:
        board = self.built.board
        return Heartbeat(
            endpoint=self._settings.endpoint,
            nodes=list(board.names),
            station_count=len(board.stations),
            insecure=self._settings.opcua_allow_insecure,
            machine_vision=self._machine_vision is not None,
            certificate_expires_at=self.built.certificate.expires_at,
            last_seq=self.follower.seq or 0,
            **counts(self.built),
        )

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK_S)
            await self.built.board.tick(datetime.now(UTC))

    async def _check_users(self) -> None:
        """Ends the sessions of users who are no longer welcome."""
        while True:
            await asyncio.sleep(_CHECK_USERS_S)
            for session in self.built.guarded.sessions:
                user = session.user
                if not isinstance(user, PlatformUser) or user is NOBODY or not session.is_activated():
                    continue
                if not await self._accounts.check(user):
                    _log.warning("opcua_session_ended", user=user.name, reason="the user is no longer welcome")
                    await session.close_session(delete_subs=True)


def _resident_bytes() -> int:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * 4096

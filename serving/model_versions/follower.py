"""Follows the registry's alias `deployed`: that is how replicas, and versions promoted elsewhere, come into use."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog
from anyio import CapacityLimiter, to_thread

from registry.errors import RegistryError, UnknownVersionError
from registry.promotion import note_deployed, release_candidate
from registry.version import CANDIDATE, DEPLOYED, MODEL_NAME
from serving.alerts.schemas import Said
from serving.audit.actor import PLATFORM
from serving.database import Database
from serving.errors import Conflict, ModelRefused, ServingError
from serving.live.alarm import Alarm
from serving.metrics.registry import Metrics
from serving.model_versions.switch import Act, ModelSwitch, Target

_log = structlog.get_logger(__name__)
_ALERT_KEY: Final = "model_swap_failed"
_MISSING_KEY: Final = "model_missing"
_MOST_PAUSE_S: Final = 60.0


class Follower:
    """Looks at the alias every few seconds. A bundle that was refused is not tried again until the alias moves."""

    def __init__(self, switch: ModelSwitch, database: Database, metrics: Metrics, *, poll_s: float) -> None:
        """Takes what it works on; `start` begins."""
        self._switch = switch
        self._alarm = Alarm(database, (_ALERT_KEY,))
        self._missing = Alarm(database, (_MISSING_KEY,))
        self._was_missing = False
        self._metrics = metrics
        self._poll_s = poll_s
        self._refused: tuple[str, str] | None = None
        self._is_registry_away = False
        self._threads = CapacityLimiter(1)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def start(self) -> None:
        """Begins to follow, on the running loop."""
        self._task = asyncio.create_task(self._run(), name="model-follower")

    async def stop(self) -> None:
        """Ends after the look that is under way."""
        self._stopping.set()
        if self._task is not None:
            await self._task

    def follow(self) -> None:
        """Takes one look, and puts to use what the alias points at."""
        self._tell_missing()
        changes = self._switch.changes
        try:
            with self._switch.alone():
                if not self._switch.announce():
                    return
            # Without the lock: a person's order must not wait for the network, nor for a trial of the model.
            target = self._wanted()
            if target is not None and self._is_news(target) and not self._attempt(target, self._switch.vet):
                return
            with self._switch.alone():
                # Whoever deployed in between has moved the alias, and what was read is old.
                if target is not None and self._switch.changes == changes:
                    self._follow(target)
        except Conflict:
            return  # somebody is deploying; the next look sees what came of it

    def _tell_missing(self) -> None:
        is_missing = self._switch.active is None
        if is_missing and not self._was_missing:
            why = "no inspection is possible until a version is deployed; the log says why none could be loaded"
            self._missing.sound(_MISSING_KEY, "critical", "No model in use", why, Said("no_model"))
        elif not is_missing:
            self._missing.clear()
        self._was_missing = is_missing

    def _wanted(self) -> Target | None:
        try:
            target: Target | None = Target.of(self._switch.rest.version_of_alias(MODEL_NAME, DEPLOYED))
        except UnknownVersionError:
            target = None  # nothing was ever registered or deployed there
        except RegistryError as error:
            self._note_registry(str(error))
            return None
        self._note_registry(None)
        return target

    def _follow(self, target: Target) -> None:
        active, wanted = self._switch.active, (target.version, target.digest)
        if active is not None and (active.registry_version, active.digest) == wanted:
            self._refused = None
            self._alarm.clear()
            if target.registered is not None and CANDIDATE in target.registered.aliases:
                self._tell_registry(target.version, is_new=False)
        elif wanted != self._refused and self._attempt(target, self._use):
            self._refused = None
            self._alarm.clear()
            self._tell_registry(target.version, is_new=True)

    def _is_news(self, target: Target) -> bool:
        active, wanted = self._switch.active, (target.version, target.digest)
        return wanted != self._refused and (active is None or (active.registry_version, active.digest) != wanted)

    def _use(self, target: Target) -> None:
        self._switch.put_to_use(target, Act("model.followed", PLATFORM), announced=True)

    def _attempt(self, target: Target, act: Callable[[Target], object]) -> bool:
        """Whether it went well; what is refused is not tried again."""
        try:
            act(target)
        except ModelRefused as error:
            self._refused = (target.version, target.digest)
            said = Said("swap_failed", {"version": str(target.version), "detail": str(error)})
            self._alarm.sound(_ALERT_KEY, "error", "Model swap failed", f"{error}; the one before stays in use", said)
            return False
        except ServingError as error:  # storage or the network: the next look tries again
            _log.warning("model_swap_postponed", model_version=target.version, error=str(error))
            return False
        return True

    def _tell_registry(self, version: str, *, is_new: bool) -> None:
        """What inspects is no candidate any more, and the registry remembers that it was deployed."""
        try:
            if is_new:
                note_deployed(self._switch.rest, [version])
            else:
                release_candidate(self._switch.rest, version)
        except RegistryError as error:
            _log.warning("deploy_not_noted", model_version=version, error=str(error))

    def _note_registry(self, error: str | None) -> None:
        if self._is_registry_away != (error is not None):
            self._is_registry_away = error is not None
            _log.info("registry_away" if error else "registry_back", error=error)

    async def _run(self) -> None:
        pause_s = self._poll_s
        while not self._stopping.is_set():
            try:
                await to_thread.run_sync(self.follow, limiter=self._threads)
                pause_s = self._poll_s
            except Exception:  # noqa: BLE001 - the loop's supervisor: following must go on
                _log.exception("follow_failed")
                self._metrics.observe_background_failure("model_follower")
                pause_s = min(max(pause_s, 1.0) * 2, _MOST_PAUSE_S)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause_s)

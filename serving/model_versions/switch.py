"""Puts a version of the model to use: fetch, verify, try in a process of its own, load, warm up, test, swap.

The old one serves until the swap.

What fails on the way leaves the old one in use and says why. The pointers on this disk change before the swap and the
registry's aliases after it, so that a restart without MLflow begins with what was deployed last.
"""

import threading
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WriteTimeoutError
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import structlog
from sqlmodel import Session

from models.errors import ModelError
from registry.errors import RegistryError, RegistryUnavailableError, UnknownVersionError
from registry.local_store import LocalStore, Pointer
from registry.promotion import mark_override, note_deployed
from registry.rest import MlflowRest
from registry.sync import fetch_bundle
from registry.version import DEPLOYED, MODEL_NAME, PREVIOUS, TAG_BUNDLE_DIGEST, ModelVersion
from serving.audit.actor import Actor
from serving.audit.record import record
from serving.clock import utc_now
from serving.database import Database
from serving.errors import Conflict, ModelRefused, NotFound, RegistryUnavailable, ServingError, StorageUnavailable
from serving.events.outbox import publish
from serving.live import LiveInspector
from serving.live.holder import LoadedModel
from serving.metrics.registry import Metrics
from serving.model_versions.deploy_rule import Override, require_word

_log = structlog.get_logger(__name__)
_AUDIT_TIMEOUT_S: Final = 10.0
# A person waits so long for the follower to finish what it is at (mostly moving an alias), then hears that it is busy.
_PATIENCE_S: Final = 1.0

Action = Literal["model.deployed", "model.rolled_back", "model.followed"]


@dataclass(frozen=True, slots=True)
class Act:
    """Why the model changes.

    Attributes:
        action: What was done.
        by: Who did it.
        overridden: What spoke against it, None if nothing did.
        reason: Why it was done all the same.
    """

    action: Action
    by: Actor
    overridden: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The version that shall be in use.

    Attributes:
        version: Its number in the registry.
        digest: Of its bundle.
        registered: What the registry says of it; None where only this machine was asked.
    """

    version: str
    digest: str
    registered: ModelVersion | None = None

    @classmethod
    def of(cls, registered: ModelVersion) -> "Target":
        """The target that a version of the registry is."""
        return cls(registered.version, registered.tags.get(TAG_BUNDLE_DIGEST, ""), registered)


@dataclass(frozen=True, slots=True)
class Switched:
    """What a switch came to.

    Attributes:
        version: In use now.
        previous: In use before, by its number in the registry.
        announced: Whether the registry's aliases say the same.
    """

    version: str
    previous: str | None
    announced: bool


class ModelSwitch:
    """Changes the model in use, one change at a time. Its methods wait for network and disk: call them in a thread."""

    def __init__(
        self, live: LiveInspector, database: Database, metrics: Metrics, *, store: LocalStore, registry_url: str
    ) -> None:
        """Takes what it works on; nothing is touched before the first call."""
        self.store = store
        self.rest = MlflowRest(registry_url)
        # Moving an alias takes 10 ms; a registry that hangs must not hold up the answer to a rollback.
        self._aliases = MlflowRest(registry_url, timeout_s=1.0)
        self._live = live
        self._database = database
        self._metrics = metrics
        self._orders = threading.Lock()
        self._lock = threading.Lock()
        self._changes = 0
        self._tried: set[str] = set()  # digests of bundles that a process of its own could load
        self._previous: LoadedModel | None = None  # kept loaded: a rollback is one assignment

    def close(self) -> None:
        """Closes the connections."""
        self.rest.close()
        self._aliases.close()

    @property
    def active(self) -> LoadedModel | None:
        """The model in use, None while there is none."""
        return self._live.model

    def deploy(self, version: str, *, by: Actor, override: Override | None = None) -> Switched:
        """The switch to a version of the registry.

        Args:
            version: Its number.
            by: Who wants it.
            override: Their word, for a version that the gate does not speak for.

        Raises:
            NotFound: There is no such version.
            Conflict: A switch is under way, or the gate blocked the version or has not judged it.
            Forbidden: The role does not reach for an override.
            ModelRefused: The bundle is damaged, fails its tests or cannot be tested.
            RegistryUnavailable: MLflow does not answer, and this machine does not hold the version.
            StorageUnavailable: It cannot be written down.
        """
        with self._order():
            target = self._resolve(version)
            overridden = require_word(target.registered, override) if target.registered else None
            reason = override.reason if override and overridden else ""
            switched = self._ordered(target, Act("model.deployed", by, overridden, reason))
        if overridden:
            self._note_override(version, reason, by)
        return switched

    def roll_back(self, version: str, *, by: Actor) -> Switched:
        """The switch back to a version; what this machine holds is not asked for in the registry first.

        Raises:
            NotFound, Conflict, ModelRefused, RegistryUnavailable, StorageUnavailable: As `deploy`.
        """
        with self._order():
            target = self._held(version)
            if target is None:
                target = self._resolve(version)
                if target.registered is not None:
                    require_word(target.registered, None)  # not a way around the gate
            return self._ordered(target, Act("model.rolled_back", by))

    @property
    def changes(self) -> int:
        """How often the model in use changed: who decided on an older count decides again."""
        return self._changes

    @contextmanager
    def alone(self, patience_s: float = 0.0) -> Iterator[None]:
        """No other switch within the block.

        Raises:
            Conflict: One is under way, and still is after `patience_s`.
        """
        if not self._lock.acquire(timeout=patience_s):
            raise Conflict("another model is being put to use; try again when that is done")
        try:
            yield
        finally:
            self._lock.release()

    def pointer(self, alias: str) -> Pointer | None:
        """What an alias means on this machine, None where it means nothing or is damaged."""
        try:
            return self.store.pointer(alias)
        except (RegistryError, OSError) as error:
            _log.error("pointer_damaged", alias=alias, error=str(error))
            return None

    def vet(self, target: Target) -> None:
        """Fetches a version and tries it out, so that `put_to_use` is quick. Needs no lock: nothing changes by it.

        Raises:
            ModelRefused, RegistryUnavailable, StorageUnavailable: As `deploy`.
        """
        if not any(known and known.digest == target.digest for known in (self._live.model, self._previous)):
            self._sound_folder(target)

    def put_to_use(self, target: Target, act: Act, *, announced: bool) -> LoadedModel | None:
        """The model that was in use before. Call it within `alone`.

        Args:
            target: What to use.
            act: Why.
            announced: Whether the registry says so already.

        Raises:
            ModelRefused, RegistryUnavailable, StorageUnavailable, StorageBusy: As `deploy`; nothing has changed.
        """
        model, old = self._obtain(target), self._live.model
        is_same = old is not None and old.digest == model.digest
        is_other = old is None or (old.digest, old.registry_version) != (model.digest, model.registry_version)
        # The starter gets its number when it is registered: no other model, and nobody's act.
        is_naming = is_same and old is not None and old.registry_version is None
        if is_other and not is_naming and act.action != "model.rolled_back" and not model.runtime.manifest.golden:
            raise ModelRefused(f"model version {target.version} is refused: no golden pictures, so no self-test")
        if act.action != "model.followed" or (is_other and not is_naming):
            self._audit(act, old, model)
        self._changes += 1
        self._write_pointers(None if is_naming or not is_other else old, target, announced=announced)
        if is_other:
            self._live.models.swap(model)
            self._previous = self._previous if is_same else old
            self._metrics.show_model(model.name, model.version, model.backend)
            self._metrics.count_swap(act.action.removeprefix("model."))
            _log.info("model_switched", action=act.action, model_version=model.version, backend=model.backend)
            self._publish(act, old, model)
        return old

    def announce(self) -> bool:
        """Whether the registry's aliases say what is deployed here; they are moved where they do not yet."""
        pointer = self.pointer(DEPLOYED)
        if pointer is None or pointer.version is None or pointer.announced:
            return True
        previous = self.pointer(PREVIOUS)
        try:
            if previous and previous.version and previous.version != pointer.version:
                self._move_alias(PREVIOUS, previous.version)
            self._move_alias(DEPLOYED, pointer.version)
            self._note_deployed(previous.version if previous else None, pointer.version)
            self.store.point(DEPLOYED, pointer.digest, pointer.version, announced=True)
        except (RegistryError, OSError) as error:
            _log.warning("deploy_not_announced", model_version=pointer.version, error=str(error))
            return False
        return True

    @contextmanager
    def _order(self) -> Iterator[None]:
        if not self._orders.acquire(blocking=False):
            raise Conflict("another model is being put to use; try again when that is done")
        try:
            with self.alone(_PATIENCE_S):
                yield
        finally:
            self._orders.release()

    def _ordered(self, target: Target, act: Act) -> Switched:
        old = self.put_to_use(target, act, announced=False)
        return Switched(target.version, old.registry_version if old else None, self.announce())

    def _resolve(self, version: str) -> Target:
        try:
            return Target.of(self.rest.version(MODEL_NAME, version))
        except UnknownVersionError as error:
            raise NotFound(f"there is no model version {version}") from error
        except RegistryError as error:
            held = self._held(version)
            if held is None:
                raise RegistryUnavailable(str(error)) from error
            return held

    def _held(self, version: str) -> Target | None:
        pointers = [pointer for alias in (DEPLOYED, PREVIOUS) if (pointer := self.pointer(alias))]
        return next((Target(version, p.digest) for p in pointers if p.version == version), None)

    def _obtain(self, target: Target) -> LoadedModel:
        for known in (self._live.model, self._previous):
            if known is not None and known.digest == target.digest:
                return replace(known, registry_version=target.version)
        folder = self._sound_folder(target)
        try:
            return self._live.load(folder, target.version)
        except ModelError as error:
            raise _refusal(target, error) from error

    def _sound_folder(self, target: Target) -> Path:
        """The folder of a bundle that does no harm when it is loaded: it was in use here, or another process tried."""
        try:
            if target.registered is None:
                folder = self.store.folder_of(Pointer(target.digest))
            else:
                folder = fetch_bundle(self.rest, self.store, target.registered).root
            if target.digest not in self._tried and target.digest not in self._digests_used():
                self._live.try_out(folder)
        except RegistryUnavailableError as error:
            raise RegistryUnavailable(str(error)) from error
        except (ModelError, RegistryError) as error:
            raise _refusal(target, error) from error
        except OSError as error:
            raise StorageUnavailable(f"the bundle cannot be stored: {error.strerror}") from error
        self._tried.add(target.digest)
        return folder

    def _digests_used(self) -> set[str]:
        return {pointer.digest for alias in (DEPLOYED, PREVIOUS) if (pointer := self.pointer(alias))}

    def _audit(self, act: Act, old: LoadedModel | None, new: LoadedModel) -> None:
        before, after = _described(old) if old else None, _described(new)
        subject = f"model/{new.version}"

        def write(session: Session) -> None:
            if act.overridden:
                why: dict[str, Any] = {"objection": act.overridden, "reason": act.reason}
                record(session, act.by, "model.gate_overridden", subject, after=why)
            record(session, act.by, act.action, subject, before=before, after=after)

        try:
            self._database.write(write).result(timeout=_AUDIT_TIMEOUT_S)
        except WriteTimeoutError as error:
            raise StorageUnavailable from error

    def _publish(self, act: Act, old: LoadedModel | None, new: LoadedModel) -> None:
        """Tell followers, once the swap is done; the swap stands whether they hear of it or not."""
        told: dict[str, str | None] = {"action": act.action, "by": act.by.name, "backend": new.backend}
        told |= {"name": new.name, "version": new.version, "previous": old.version if old else None}

        def check(written: "Future[None]") -> None:
            if not written.cancelled() and (error := written.exception()) is not None:
                _log.warning("model_switch_not_told", error=str(error))

        try:
            self._database.write(lambda session: publish(session, "model", told, utc_now())).add_done_callback(check)
        except ServingError as error:
            _log.warning("model_switch_not_told", error=str(error))

    def _write_pointers(self, old: LoadedModel | None, target: Target, *, announced: bool) -> None:
        try:
            left = None if old is None or self.store.find(old.digest) is None else old
            previous = Pointer(left.digest, left.registry_version) if left else self.pointer(PREVIOUS)
            self.store.switch(Pointer(target.digest, target.version, announced), previous)
        except RegistryError as error:
            raise ModelRefused(str(error)) from error
        except OSError as error:
            raise StorageUnavailable(f"the deployed version cannot be written down: {error.strerror}") from error

    def _move_alias(self, alias: str, version: str) -> None:
        try:
            self._aliases.set_alias(MODEL_NAME, alias, version)
        except UnknownVersionError:
            # Deleted there, or another registry: its own aliases hold then.
            _log.warning("version_not_in_registry", alias=alias, model_version=version)

    def _note_deployed(self, *versions: str | None) -> None:
        try:
            note_deployed(self._aliases, [version for version in versions if version])
        except UnknownVersionError:
            _log.warning("version_not_in_registry", model_versions=versions)

    def _note_override(self, version: str, reason: str, by: Actor) -> None:
        """The audit log has it already; the registry's own page shall show it too."""
        try:
            mark_override(self._aliases, version, reason=reason, approved_by=by.name)
        except RegistryError as error:
            _log.warning("override_not_in_registry", model_version=version, error=str(error))


def _refusal(target: Target, error: Exception) -> ModelRefused:
    return ModelRefused(f"model version {target.version} is refused: {error}")


def _described(model: LoadedModel) -> dict[str, str | None]:
    return {"name": model.name, "version": model.registry_version, "bundle_digest": model.digest}

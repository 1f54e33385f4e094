"""Holds the model that is in use, and changes it without an inspection noticing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from models.runtime import Runtime
from serving.errors import NotReady


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A tested runtime and what it is called. One value, so that no verdict ever mixes two models.

    Attributes:
        runtime: The bundle on its backend.
        registry_version: The bundle's version in the registry, None where it has none yet.
    """

    runtime: Runtime
    registry_version: str | None = None

    @property
    def digest(self) -> str:
        """Digest of the bundle."""
        return self.runtime.bundle.digest

    @property
    def name(self) -> str:
        """Name of the bundle."""
        return self.runtime.model_name

    @property
    def version(self) -> str:
        """The registry's version where there is one, else the bundle's own."""
        return self.registry_version or self.runtime.model_version

    @property
    def backend(self) -> str:
        """Runtime, device and precision that really run."""
        return str(self.runtime.description)


class _Slot:
    """One loaded model and the number of inspections that use it now."""

    def __init__(self, model: LoadedModel) -> None:
        self.model = model
        self.users = 0


class ModelHolder:
    """The model in use. An inspection keeps the one that it began with; the next begins with the new one."""

    def __init__(self) -> None:
        self._slot: _Slot | None = None
        self._changed = threading.Condition()

    @property
    def current(self) -> LoadedModel | None:
        """The model in use, None before the first one is loaded."""
        slot = self._slot
        return slot.model if slot else None

    @contextmanager
    def lease(self) -> Iterator[LoadedModel]:
        """The model for one inspection, kept loaded until the end of the block.

        Raises:
            NotReady: None is loaded.
        """
        with self._changed:
            slot = self._slot
            if slot is None:
                raise NotReady("no model is loaded")
            slot.users += 1
        try:
            yield slot.model
        finally:
            with self._changed:
                slot.users -= 1
                self._changed.notify_all()

    def swap(self, model: LoadedModel, drain_s: float = 0.0) -> bool:
        """Puts a tested model to use; whether the old one was out of use within `drain_s`.

        The old one is freed with its last inspection, also when that takes longer than `drain_s`.
        """
        with self._changed:
            old, self._slot = self._slot, _Slot(model)
            return old is None or self._changed.wait_for(lambda: old.users == 0, timeout=drain_s)

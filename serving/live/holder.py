"""Holds the model that is in use, and changes it without an inspection noticing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from models.runtime import Runtime
from serving.errors import NotReady


class _Slot:
    """One loaded runtime and the number of inspections that use it now."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime
        self.users = 0


class RuntimeHolder:
    """The runtime in use. An inspection keeps the one that it began with; the next begins with the new one."""

    def __init__(self) -> None:
        self._slot: _Slot | None = None
        self._changed = threading.Condition()

    @property
    def current(self) -> Runtime | None:
        """The runtime in use, None before the first one is loaded."""
        slot = self._slot
        return slot.runtime if slot else None

    @contextmanager
    def lease(self) -> Iterator[Runtime]:
        """The runtime for one inspection, kept loaded until the end of the block.

        Raises:
            NotReady: None is loaded.
        """
        with self._changed:
            slot = self._slot
            if slot is None:
                raise NotReady("no model is loaded")
            slot.users += 1
        try:
            yield slot.runtime
        finally:
            with self._changed:
                slot.users -= 1
                self._changed.notify_all()

    def swap(self, runtime: Runtime, drain_s: float = 0.0) -> bool:
        """Puts a tested runtime to use; whether the old one was out of use within `drain_s`.

        The old one is freed with its last inspection, also when that takes longer than `drain_s`.
        """
        with self._changed:
            old, self._slot = self._slot, _Slot(runtime)
            return old is None or self._changed.wait_for(lambda: old.users == 0, timeout=drain_s)

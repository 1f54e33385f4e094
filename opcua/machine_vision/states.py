"""The state machine of a vision system, with the standard's numbers and without OPC UA.

Source: OPC 40100-1, 8.2 and 8.3 (states and transitions), tables 58 and 74 (numbers).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final


class State(IntEnum):
    """States with their StateNumber; those from 5 on lie within *Operational*."""

    PREOPERATIONAL = 1
    HALTED = 2
    ERROR = 3
    OPERATIONAL = 4
    INITIALIZED = 5
    READY = 6
    SINGLE_EXECUTION = 7
    CONTINUOUS_EXECUTION = 8

    @property
    def is_inner(self) -> bool:
        """Whether it lies within *Operational*."""
        return self >= State.INITIALIZED


class Fault(IntEnum):
    """What the methods give as `Error`: 0 is good, below are our own (8.2.8)."""

    NONE = 0
    WRONG_STATE = -1
    NOT_ALLOWED = -2
    BAD_ARGUMENT = -3
    UNKNOWN = -4
    UNAVAILABLE = -5


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of state.

    Attributes:
        number: TransitionNumber.
        before: State before.
        after: State after.
    """

    number: int
    before: State
    after: State


_S = State
_EXECUTING: Final = (State.SINGLE_EXECUTION, State.CONTINUOUS_EXECUTION)
TRANSITIONS: Final = {
    number: Transition(number, before, after)
    for before, after, numbers in (
        (_S.PREOPERATIONAL, _S.HALTED, (120, 121)),
        (_S.PREOPERATIONAL, _S.ERROR, (130,)),
        (_S.PREOPERATIONAL, _S.OPERATIONAL, (140, 141)),
        (_S.PREOPERATIONAL, _S.INITIALIZED, (150, 151)),
        (_S.HALTED, _S.PREOPERATIONAL, (210, 211)),
        (_S.ERROR, _S.PREOPERATIONAL, (310, 311)),
        (_S.ERROR, _S.HALTED, (320, 321)),
        (_S.ERROR, _S.OPERATIONAL, (340,)),
        (_S.OPERATIONAL, _S.PREOPERATIONAL, (410, 411)),
        (_S.OPERATIONAL, _S.HALTED, (420, 421)),
        (_S.OPERATIONAL, _S.ERROR, (430,)),
        (_S.INITIALIZED, _S.READY, (560, 561, 562)),
        (_S.READY, _S.INITIALIZED, (650, 651, 652)),
        (_S.READY, _S.SINGLE_EXECUTION, (670, 671)),
        (_S.READY, _S.CONTINUOUS_EXECUTION, (680, 681)),
        (_S.SINGLE_EXECUTION, _S.READY, (760, 761, 762)),
        (_S.CONTINUOUS_EXECUTION, _S.READY, (860, 861, 862)),
    )
    for number in numbers
}


class VisionMachine:
    """The states of one vision system. Each method gives the transitions that it took; none means: not from here.

    It starts up into automatic mode by itself. After `Reset` it waits for `SelectModeAutomatic`.
    """

    def __init__(self) -> None:
        """Begins in *Preoperational*."""
        self.state = State.PREOPERATIONAL
        self.has_recipe = True
        self._waits_for_mode = False

    @property
    def outer(self) -> State:
        """The state of the outer machine."""
        return State.OPERATIONAL if self.state.is_inner else self.state

    def show_condition(self, *, is_good: bool) -> Sequence[Transition]:
        """The platform can inspect, or cannot."""
        if not is_good:
            leaving = {State.PREOPERATIONAL: 130, State.OPERATIONAL: 430}.get(self.outer)
            return [] if leaving is None else [self._take(leaving)]
        if self.state is State.ERROR:
            # The highest possible state is resumed (8.3.1).
            self._take(340)
            self.state = State.INITIALIZED
            return [TRANSITIONS[340], *self._make_ready(560)]
        if self.state is State.PREOPERATIONAL and not self._waits_for_mode:
            return [self._take(150), *self._make_ready(560)]
        return []

    def halt(self) -> Sequence[Transition]:
        """`Halt`."""
        number = {State.PREOPERATIONAL: 121, State.ERROR: 321, State.OPERATIONAL: 421}.get(self.outer)
        return [] if number is None else [self._take(number)]

    def reset(self) -> Sequence[Transition]:
        """`Reset`, which is possible in every state (8.2.2); from *Preoperational* it leads nowhere."""
        self._waits_for_mode, self.has_recipe = True, True
        number = {State.HALTED: 211, State.ERROR: 311, State.OPERATIONAL: 411}.get(self.outer)
        return [] if number is None else [self._take(number)]

    def select_automatic(self) -> Sequence[Transition]:
        """`SelectModeAutomatic`."""
        if self.state is not State.PREOPERATIONAL:
            return []
        self._waits_for_mode = False
        return [self._take(151), *self._make_ready(560)]

    def prepare(self) -> Sequence[Transition]:
        """`PrepareRecipe` of the station's recipe."""
        self.has_recipe = True
        return self._make_ready(561)

    def unprepare(self) -> Sequence[Transition]:
        """`UnprepareRecipe`; not while something is executed."""
        if self.state is not State.READY:
            return []
        self.has_recipe = False
        return [self._take(651)]

    def start(self, *, continuous: bool) -> Sequence[Transition]:
        """`StartSingleJob` or `StartContinuous`."""
        return [self._take(681 if continuous else 671)] if self.state is State.READY else []

    def end_job(self, cause: int) -> Sequence[Transition]:
        """The job has ended: by itself (0), by `Stop` (1) or by `Abort` (2)."""
        if self.state not in _EXECUTING:
            return []
        return [self._take((760 if self.state is State.SINGLE_EXECUTION else 860) + cause)]

    def _make_ready(self, number: int) -> Sequence[Transition]:
        return [self._take(number)] if self.state is State.INITIALIZED and self.has_recipe else []

    def _take(self, number: int) -> Transition:
        taken = TRANSITIONS[number]
        self.state = taken.after
        return taken

"""The state machine: only the standard's transitions, with its numbers."""

import random

import pytest

from opcua.machine_vision.states import TRANSITIONS, State, Transition, VisionMachine


def _numbers(moved: "list[Transition] | tuple[Transition, ...] | object") -> list[int]:
    assert isinstance(moved, list | tuple)
    return [transition.number for transition in moved]


@pytest.fixture
def ready() -> VisionMachine:
    machine = VisionMachine()
    assert _numbers(machine.show_condition(is_good=True)) == [150, 560]
    return machine


def test_system_waits_when_the_platform_cannot_inspect() -> None:
    machine = VisionMachine()
    assert _numbers(machine.show_condition(is_good=False)) == [130]
    assert _numbers(machine.start(continuous=False)) == []
    assert _numbers(machine.show_condition(is_good=True)) == [340, 560]
    assert machine.state is State.READY


def test_job_runs_through_when_ready(ready: VisionMachine) -> None:
    assert _numbers(ready.start(continuous=False)) == [671]
    assert _numbers(ready.start(continuous=True)) == []
    assert _numbers(ready.unprepare()) == []
    assert _numbers(ready.end_job(0)) == [760]
    assert _numbers(ready.start(continuous=True)) == [681]
    assert _numbers(ready.end_job(1)) == [861]
    assert _numbers(ready.end_job(2)) == []


def test_system_waits_for_the_mode_when_it_was_reset(ready: VisionMachine) -> None:
    assert _numbers(ready.halt()) == [421]
    assert _numbers(ready.select_automatic()) == []
    assert _numbers(ready.show_condition(is_good=True)) == []
    assert _numbers(ready.reset()) == [211]
    assert _numbers(ready.show_condition(is_good=True)) == []
    assert _numbers(ready.select_automatic()) == [151, 560]


def test_job_waits_when_the_recipe_is_not_prepared(ready: VisionMachine) -> None:
    assert _numbers(ready.unprepare()) == [651]
    assert _numbers(ready.start(continuous=False)) == []
    assert _numbers(ready.prepare()) == [561]
    assert ready.state is State.READY


def test_error_interrupts_when_a_job_runs(ready: VisionMachine) -> None:
    ready.start(continuous=True)
    assert _numbers(ready.show_condition(is_good=False)) == [430]
    assert _numbers(ready.end_job(0)) == []
    assert ready.outer is State.ERROR


def test_only_documented_transitions_are_taken_when_anything_is_asked() -> None:
    chance, machine = random.Random(4), VisionMachine()  # noqa: S311 - no secret
    acts = (
        *(lambda good=good: machine.show_condition(is_good=good) for good in (True, False)),
        *(machine.halt, machine.reset, machine.select_automatic, machine.prepare, machine.unprepare),
        *(lambda mode=mode: machine.start(continuous=mode) for mode in (True, False)),
        *(lambda cause=cause: machine.end_job(cause) for cause in range(3)),
    )
    for _ in range(5000):
        before = machine.state
        for transition in chance.choice(acts)():
            assert TRANSITIONS[transition.number] == transition
            inner = before if transition.before.is_inner else machine_outer(before)
            assert transition.before is inner, (before, transition)
            before = State.INITIALIZED if transition.after is State.OPERATIONAL else transition.after
        assert machine.state is before


def machine_outer(state: State) -> State:
    """The state of the outer machine."""
    return State.OPERATIONAL if state.is_inner else state

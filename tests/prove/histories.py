"""Random histories of a state machine, as many and as long as a proof wants them, made from its seed."""

from hypothesis import HealthCheck, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.prove.plugin import Proof


def run_histories(machine: type[RuleBasedStateMachine], proof: Proof, *, runs: int, steps: int) -> None:
    """Plays them; fails where the machine does."""
    chosen = hypothesis_settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    seed(proof.seed)(machine)
    run_state_machine_as_test(machine, settings=chosen)

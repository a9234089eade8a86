"""Hypothesis's state machines, run alike: so many examples of so many steps, the same ones every time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

_CHECKS = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]


def play(machine: type[RuleBasedStateMachine], *, examples: int, steps: int) -> None:
    """Run a machine so often."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=_CHECKS,
            derandomize=True,
            database=None,
        ),
    )

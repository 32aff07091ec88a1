"""So many sequences, the same ones for the same seed."""

import structlog
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import get_state_machine_test

from tests.model.machine import Machine, World

STEPS = 30


def play(sequences: int, number: int) -> None:
    """Raises what failed, in its shortest form."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())  # what it refuses is no news here
    world = World()
    plan = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        database=None,
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        seed(number)(get_state_machine_test(type("Machine", (Machine,), {"world": world}), settings=plan))()
    finally:
        world.close()
        structlog.reset_defaults()

"""A command of bgctl that is killed at one step of its way."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.support.stacks import Stack

LOOKS_EVERY = 0.002  # Seconds. A step may be over in a few hundredths of one.
PATIENCE = 60.0


def kill_at(stack: Stack, *command: str, step: str) -> None:
    """Runs bgctl, and kills it once the state names the step. Fails when it is through before."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = stack.start(*command, **quiet, start_new_session=True)
    deadline = time.monotonic() + PATIENCE
    while (stack.state()["deployment"] or {}).get("step") != step:
        assert process.poll() is None, f"{command} ended before it was seen at {step}"
        assert time.monotonic() < deadline, f"{command} does not reach {step}"
        time.sleep(LOOKS_EVERY)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL, f"{command} was through {step} before it was killed"

"""The one way in which a lab waits."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 60.0  # seconds until something that must happen has happened


def eventually(
    reached: Callable[[], object],
    what: str,
    *,
    unless: tuple[type[Exception], ...] = (),
    within: float = PATIENCE,
) -> None:
    """Polls until `reached()` is true; that it raises one of `unless` means: not yet. Fails naming `what`."""
    end, last = time.monotonic() + within, ""
    while time.monotonic() < end:
        try:
            if reached():
                return
        except unless as error:
            last = f": {error}"
        time.sleep(0.05)
    raise AssertionError(f"waited {within:g} s in vain: {what}{last}")

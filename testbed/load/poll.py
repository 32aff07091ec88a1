"""A page that waits for news with long polls: ordinary requests that take seconds."""

from __future__ import annotations

import random

from . import headers
from .tab import Tab

POLLS = (3, 6)  # polls of a page, from … to …
SECONDS = (1, 3)  # that a poll takes


async def wait(tab: Tab) -> None:
    """Makes all polls of a page, one after the other; ends with the first that fails."""
    for _ in range(random.randint(*POLLS)):
        assert tab.page
        path = f"/api/wait?seconds={random.randint(*SECONDS)}"
        if await tab.send("GET", path, tab.page, headers=headers.fetch(tab.page.url)) is None:
            return
        tab.recorder.polls += 1

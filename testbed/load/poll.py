"""A user whose page waits for news with long polls: each is an ordinary request that takes seconds."""

from __future__ import annotations

import random

from . import headers
from .tab import Tab

POLLS = (3, 6)  # how many a page sends
SECONDS = (1, 3)  # that one poll takes


async def wait(tab: Tab) -> None:
    for _ in range(random.randint(*POLLS)):
        assert tab.page
        path = f"/api/wait?seconds={random.randint(*SECONDS)}"
        if await tab.send("GET", path, tab.page, headers=headers.fetch(tab.page.url)) is None:
            return
        tab.recorder.polls += 1

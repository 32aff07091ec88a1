"""A page that sends and fetches large bodies, and compares their digests."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import random
from functools import cache

from . import headers
from .scene import Answer
from .tab import Tab

PATH = "/api/files"
MEGABYTE = 1024 * 1024
SIZE = 2  # megabytes of a body
TRANSFERS = (3, 6)  # transfers of a page, from … to …
PAUSE = (0.5, 1.5)  # seconds between two of them


async def upload(tab: Tab) -> None:
    for _ in range(random.randint(*TRANSFERS)):
        assert tab.page
        start = random.randrange(MEGABYTE)
        body = _noise()[start : start + SIZE * MEGABYTE]
        sent = headers.post(tab.scene.base_url, tab.page.url)
        answer = await tab.post_once(PATH, tab.page, headers=sent, data=body)
        if not await _same(tab, "POST", answer, body):
            return
        tab.recorder.uploads += 1
        await asyncio.sleep(random.uniform(*PAUSE))


async def download(tab: Tab) -> None:
    for _ in range(random.randint(*TRANSFERS)):
        assert tab.page
        answer = await tab.send("GET", f"{PATH}/{SIZE}", tab.page, headers=headers.fetch(tab.page.url))
        if not await _same(tab, "GET", answer, answer.body if answer else b""):
            return
        tab.recorder.downloads += 1
        await asyncio.sleep(random.uniform(*PAUSE))


async def _same(tab: Tab, method: str, answer: Answer | None, body: bytes) -> bool:
    """Whether the answer names the digest of this body (Repr-Digest, RFC 9530); else it is a failure."""
    if answer is None:
        return False
    digest = await asyncio.to_thread(lambda: hashlib.sha256(body).digest())
    same: bool = answer.headers.get("Repr-Digest") == f"sha-256=:{base64.b64encode(digest).decode()}:"
    if not same:
        tab.fail(method, PATH, "another digest")
    return same


@cache
def _noise() -> bytes:
    return random.randbytes((SIZE + 1) * MEGABYTE)

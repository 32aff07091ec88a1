"""Large bodies: files that are generated for each request, and the digest of a body that was sent."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterable, Iterator
from functools import lru_cache

BLOCK = 64 * 1024
BLOCKS = 16  # in a megabyte
LARGEST = 1024  # megabytes


def blocks(version: str, megabytes: int) -> Iterator[bytes]:
    """A file of so many megabytes, in blocks. Each version has another one."""
    for number in range(megabytes * BLOCKS):
        yield hashlib.shake_128(f"{version} {number}".encode()).digest(BLOCK)


@lru_cache(maxsize=64)
def digest(version: str, megabytes: int) -> str:
    """A file's digest, as Repr-Digest has it (RFC 9530)."""
    whole = hashlib.sha256()
    for block in blocks(version, megabytes):
        whole.update(block)
    return header(whole.digest())


async def digest_of(chunks: AsyncIterable[bytes]) -> tuple[str, int]:
    """The digest of a body as it arrives, and its number of bytes."""
    whole, size = hashlib.sha256(), 0
    async for chunk in chunks:
        whole.update(chunk)
        size += len(chunk)
    return header(whole.digest()), size


def header(sha256: bytes) -> str:
    return f"sha-256=:{base64.b64encode(sha256).decode()}:"

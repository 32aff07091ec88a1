"""Hashes that tell whether something has to be made again."""

import hashlib


def digest(*parts: object) -> str:
    """A short hash of values whose repr says all about them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]

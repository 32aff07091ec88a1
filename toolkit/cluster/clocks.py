"""Whose clock is wrong: that which differs from the middle of all of them."""

from collections.abc import Mapping
from statistics import median_low


def wrong(ahead: Mapping[str, float], tolerable: float) -> dict[str, float]:
    """`ahead` says by how many seconds each is ahead of one of them. Returns those that are off."""
    if not ahead:
        return {}
    middle = median_low(ahead.values())
    off = {name: seconds - middle for name, seconds in sorted(ahead.items())}
    return {name: seconds for name, seconds in off.items() if abs(seconds) > tolerable}

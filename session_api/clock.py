"""Time: inside, a clock returns Unix seconds; in messages, times are RFC 3339 in UTC."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
LATEST = 253402300799  # the last second of the year 9999: a claim may say more, a calendar cannot


def moment(seconds: float) -> datetime:
    """The UTC time of Unix `seconds`, clamped to 1970..9999; msgspec writes it as RFC 3339 with Z."""
    return datetime.fromtimestamp(int(min(max(seconds, 0), LATEST)), UTC)

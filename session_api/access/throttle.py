"""Slows down guessing: after some wrong keys, each further one costs a wait, twice as long each time."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from session_api.clock import Clock

FREE = 5  # wrong ones that cost nothing
LONGEST = 30  # seconds of a wait: the right operator, who shares an address with a guesser, gets in
FORGOTTEN = 15 * 60  # seconds after the last wrong one
KEPT = 1000  # addresses; the oldest is forgotten for a new one


@dataclass
class Record:
    """Of one address: `free_at` is when it may try again. Times are the clock's."""

    wrong: int = 0
    free_at: float = 0
    last: float = 0


class Throttle:
    """One for each process, safe among its threads. Nobody sleeps: who comes too early is sent away."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._turn = threading.Lock()

    def wait(self, address: str) -> int:
        """For how many seconds this address has to wait, 0 for not at all."""
        with self._turn:
            record = self._records.get(_network(address))
            left = record.free_at - self._clock() if record else 0
        # Much more than LONGEST is left only where the clock was set back, and would be for hours.
        return min(LONGEST, -int(-left // 1)) if 0 < left <= LONGEST + 1 else 0

    def wrong(self, address: str) -> None:
        """It has guessed wrong."""
        with self._turn:
            name, now = _network(address), self._clock()
            record = self._records.pop(name, Record())
            if now - record.last > FORGOTTEN:
                record = Record()
            self._records[name] = record
            record.wrong, record.last = record.wrong + 1, now
            if record.wrong >= FREE:
                record.free_at = now + min(2 ** min(record.wrong - FREE, 10), LONGEST)
            if len(self._records) > KEPT:
                self._records.popitem(last=False)

    def right(self, address: str) -> None:
        """It knows."""
        with self._turn:
            self._records.pop(_network(address), None)


def _network(address: str) -> str:
    """Of IPv6 its /64: whoever has one address has them all."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)

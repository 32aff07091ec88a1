"""Slows down guesses of the admin key: each further one costs a wait that is twice as long as the last."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from session_api.clock import Clock

FREE = 5  # wrong keys that cost no wait
LONGEST = 30  # seconds of a wait: an operator who shares an address with a guesser still gets in
FORGOTTEN = 15 * 60  # seconds after the last wrong key
KEPT = 1000  # addresses; the oldest is forgotten for a new one


@dataclass
class Record:
    """What is known of one address: at `free_at` it may try again. Times are the clock's."""

    wrong: int = 0
    free_at: float = 0
    last: float = 0


class Throttle:
    """One for each process, safe among its threads. No thread sleeps: a client that is early is refused."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: OrderedDict[str, Record] = OrderedDict()
        self._turn = threading.Lock()

    def wait(self, address: str) -> int:
        """For how many seconds this address has to wait; 0: it may try now."""
        with self._turn:
            record = self._records.get(_network(address))
            left = record.free_at - self._clock() if record else 0
        # More than LONGEST is left only if the clock was set back: that address may try at once.
        return min(LONGEST, -int(-left // 1)) if 0 < left <= LONGEST + 1 else 0

    def wrong(self, address: str) -> None:
        """Note that this address has sent a wrong key."""
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
        """Note that this address has sent the right key."""
        with self._turn:
            self._records.pop(_network(address), None)


def _network(address: str) -> str:
    """The address, or of IPv6 its /64 network: one client has all of its addresses."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)

"""Replaces texts in Redis for as long as the lease is ours: nobody else's is overwritten."""

from contextlib import suppress

from session_api.cluster.keys import Keys
from toolkit.clients.http import Unreachable
from toolkit.cluster.connection import Connection
from toolkit.cluster.lease import LOOK, Held, Lease
from toolkit.errors import BgctlError, Failed, MovedOn


class LeasedWriter:
    """`held` is the lease under which it writes."""

    def __init__(self, connection: Connection, keys: Keys, lease: Lease, held: Held) -> None:
        self._connection, self._keys, self._lease, self.held = connection, keys, lease, held

    def replace(self, key: str, there: bytes, text: bytes, old: str, new: str) -> None:
        """Puts `text` in the place of `there`, b"" for nothing; `old` and `new` are what messages call them.

        Raises MovedOn, with nothing changed, when the lease is lost, or something else is there by now.
        Raises Failed when it cannot be known whether it is written.
        """
        try:
            came = self._connection.run("publish", (self._keys.lease, key), self.held.text, there, text)
        except Unreachable as error:
            raise Failed(f"it is not known whether {new} is published", str(error), LOOK) from None
        if came == b"lease":
            raise self._lease.lost(self._now_held())
        if came == b"document":
            what = f"{old} in Redis is not the one that was there before"
            raise MovedOn(what, f"somebody else has written {key}", LOOK)

    def keep(self, key: str, text: bytes) -> None:
        """Puts a text in the place of any. Raises MovedOn, with nothing changed, when the lease is lost."""
        if not self._connection.run("keep", (self._keys.lease, key), self.held.text, text):
            raise self._lease.lost(self._now_held())

    def _now_held(self) -> bytes | None:
        with suppress(BgctlError):
            found: bytes | None = self._connection.run("look", (self._keys.lease,))[2]
            return found
        return None

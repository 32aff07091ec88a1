"""The document in Redis while we have the lease: what is known to be there, and what is put in its place."""

from collections.abc import Collection
from contextlib import suppress

from session_api.cluster import document as documents
from session_api.cluster.document import Document, Number
from session_api.cluster.keys import Keys
from toolkit.clients.http import Unreachable
from toolkit.cluster.connection import Connection
from toolkit.cluster.lease import LOOK, Held, Lease
from toolkit.errors import BgctlError, Failed, MovedOn


class SharedDocument:
    """`there` is the document as it was found under the lease, `without` the nodes that need not have it."""

    def __init__(
        self,
        connection: Connection,
        keys: Keys,
        lease: Lease,
        held: Held,
        there: bytes | None,
        without: Collection[str] = (),
    ) -> None:
        self._connection, self._keys, self._lease, self._held = connection, keys, lease, held
        self._there = there or b""
        self._without = tuple(sorted(without))

    def publish(self, state: str) -> Number:
        """Puts the text of a state in the place of the one that is known; returns its number.

        Raises MovedOn, with nothing changed, when the lease is lost, or something else is there by now.
        Raises Failed when it cannot be known whether it is published.
        """
        new = Document(self._held.fence, state, self._without)
        text = documents.encode(new)
        keys = (self._keys.lease, self._keys.document)
        try:
            came = self._connection.run("publish", keys, self._held.text, self._there, text)
        except Unreachable as error:
            what = "it is not known whether the new state is published"
            raise Failed(what, str(error), LOOK) from None
        if came == b"lease":
            raise self._lease.lost(self._now_held())
        if came == b"document":
            what = "the document in Redis is not the one that was there before"
            raise MovedOn(what, f"somebody else has written {self._keys.document}", LOOK)
        self._there = text
        return new.number

    def keep(self, key: str, text: bytes) -> None:
        """Puts a text under another key. Raises MovedOn, with nothing changed, when the lease is lost."""
        if not self._connection.run("keep", (self._keys.lease, key), self._held.text, text):
            raise self._lease.lost(self._now_held())

    def _now_held(self) -> bytes | None:
        with suppress(BgctlError):
            found: bytes | None = self._connection.run("look", (self._keys.lease,))[2]
            return found
        return None

"""The document in Redis while we have the lease: what is known to be there, and what is put in its place."""

from collections.abc import Collection

from session_api.cluster import document as documents
from session_api.cluster.document import Document, Number
from toolkit.cluster.leased_writer import LeasedWriter


class SharedDocument:
    """`key` is where it is, `there` the document as it was found under the lease.

    `without` are the nodes that need not have it.
    """

    def __init__(
        self, writer: LeasedWriter, key: str, there: bytes | None, without: Collection[str] = ()
    ) -> None:
        self._writer, self._key = writer, key
        self._there = there or b""
        self._without = tuple(sorted(without))

    def publish(self, state: str) -> Number:
        """Puts the text of a state in the place of the one that is known; returns its number.

        Raises as LeasedWriter.replace does.
        """
        new = Document(self._writer.held.fence, state, self._without)
        text = documents.encode(new)
        self._writer.replace(self._key, self._there, text, "the document", "the new state")
        self._there = text
        return new.number

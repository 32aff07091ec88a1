"""With which files the project was changed last, and where that was: those of another place may be older."""

import msgspec
from msgspec import Struct

KEY = "keys/settings/settings.key"  # with another one nothing can be compared


class LastFiles(Struct, frozen=True):
    """`place` is a folder of a host, HOST:FOLDER. `who` has changed the project there, by `command`, at `at`.

    `prints` has the keyed hash of each file, by its name, and `key` tells those keys apart.
    """

    place: str
    who: str
    command: str
    at: str
    key: str
    prints: dict[str, str]

    @property
    def words(self) -> str:
        return f"'bgctl {self.command}' by {self.who} in {self.place} at {self.at}"

    def differing(self, others: "LastFiles") -> list[str]:
        """The names of files that are not the same there, or that only one of the two has."""
        if self.key != others.key:
            return [KEY]
        names = self.prints.keys() | others.prints.keys()
        return sorted(name for name in names if self.prints.get(name) != others.prints.get(name))


def encode(files: LastFiles) -> bytes:
    return msgspec.json.encode(files)


def decode(text: bytes | None) -> LastFiles | None:
    """None for what no bgctl of ours has written: it is written anew with the next change."""
    try:
        return msgspec.json.decode(text, type=LastFiles) if text else None
    except ValueError:
        return None

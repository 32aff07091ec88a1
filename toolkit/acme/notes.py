"""state/acme.json: when a certificate was last asked for, what came of it, and until when to wait."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.files import atomic

NAME = "acme.json"


class Notes(Struct, frozen=True):
    """Times are stamps, "" for never. `about` tells one request (authority, hosts) from another.

    `attempts` are the times of the last orders, `failures` how many have failed in a row, `failure` what the
    last one has said. `wait_until` is what the authority itself has asked for (Retry-After).
    """

    about: str = ""
    attempts: tuple[str, ...] = ()
    failures: int = 0
    failed: str = ""
    failure: str = ""
    wait_until: str = ""
    obtained: str = ""


def about(directory: str, hosts: Sequence[str]) -> str:
    """A new authority, or other hosts, are not held back by what has failed before."""
    return hashlib.sha256("\0".join([directory, *sorted(hosts)]).encode()).hexdigest()[:16]


def read(state_dir: Path, about: str) -> Notes:
    """Fresh notes where nothing usable is there, or what is there is about another request."""
    try:
        found = msgspec.json.decode((state_dir / NAME).read_bytes(), type=Notes)
    except (OSError, msgspec.MsgspecError):
        return Notes(about)
    return found if found.about == about else Notes(about)


def write(state_dir: Path, notes: Notes) -> None:
    """Raises Failed when the disk is full or broken."""
    atomic.write(state_dir / NAME, msgspec.json.format(msgspec.json.encode(notes), indent=2) + b"\n")

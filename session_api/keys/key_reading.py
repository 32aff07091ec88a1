"""Reads one key file, and refuses a private one that everyone on the machine may read."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from session_api.keys import algorithms
from session_api.keys.algorithms import PublicKey
from session_api.keys.document import Entry, KeyringError

T = TypeVar("T")
MIN_KEY_CHARS = 32


def checked(path: Path, parse: Callable[[bytes], T], *, private: bool = True) -> T:
    """What `parse` makes of a file's content; its ValueErrors, too, become a KeyringError with the path."""
    try:
        if private and path.stat().st_mode & 0o007:
            raise KeyringError(f"{path} is open to everyone on this machine", f"chmod o= {path}")
        return parse(path.read_bytes())
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
    except ValueError as error:
        raise KeyringError(f"{path} {error}", f"put a good key into {path}") from error


def public_half(directory: Path, entry: Entry) -> PublicKey:
    """The half of a key that verifies: with HS256, the secret itself. Raises KeyringError."""
    parse = partial(algorithms.public_key, entry.alg, takes_short=entry.short_secret)
    return checked(directory / "verify" / entry.file, parse, private=entry.alg in algorithms.SECRET_BYTES)


def shared_key(path: Path) -> bytes:
    """A key that is sent as `Authorization: Bearer KEY`. Raises KeyringError."""

    def parse(content: bytes) -> bytes:
        key = content.rstrip(b"\r\n")
        if len(key) < MIN_KEY_CHARS or not re.fullmatch(rb"[!-~]+", key):
            raise ValueError(f"must be one line of at least {MIN_KEY_CHARS} characters, no blanks")
        return key

    return checked(path, parse)

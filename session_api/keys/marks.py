"""What tells a project from another one of the same name: a digest of each public key of its own."""

from collections.abc import Iterable
from pathlib import Path

from session_api.keys import algorithms, document
from session_api.keys.algorithms import PublicKey
from session_api.keys.key_reading import public_half


def of(directory: Path) -> set[str] | None:
    """Those of a keys/ folder; None: there are no keys. Raises KeyringError where they cannot be read."""
    if not document.place(directory).exists():
        return None
    ours = [entry for entry in document.read(directory).keys if entry.signed_by != "app"]
    return of_keys(public_half(directory, entry) for entry in ours)


def of_keys(publics: Iterable[PublicKey]) -> set[str]:
    """Secrets have none: a digest of one could be guessed from."""
    return {algorithms.digest(public) for public in publics if not isinstance(public, bytes)}

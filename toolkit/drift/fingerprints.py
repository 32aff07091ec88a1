"""Keyed hashes of settings: they can be compared, and a secret cannot be guessed from one without the key."""

import hashlib
import hmac
from collections.abc import Mapping

from toolkit.drift.settings import VARIABLE
from toolkit.state.started import Started

SIZE = 32  # digits of a hash that are kept
ALIKE = ("image",)  # beside variables: what every compose command prints in the same way


def of(settings: Mapping[str, str], key: bytes) -> dict[str, str]:
    return {name: _hash(key, f"{name}\0{text}") for name, text in settings.items()}


def name_of(key: bytes) -> str:
    return hashlib.sha256(b"name\0" + key).hexdigest()[:SIZE]


def differing(before: Started, now: Started) -> list[str]:
    """The names of the settings that are not the same, variables first; empty where they cannot be compared.

    Of what two compose commands have printed, only that which all of them print alike.
    """
    if before.key != now.key:
        return []
    names = {
        name
        for name in before.prints.keys() | now.prints.keys()
        if before.prints.get(name) != now.prints.get(name)
    }
    if before.form != now.form:
        names = {name for name in names if name.startswith(VARIABLE) or name in ALIKE}
    ordered = sorted(names, key=lambda name: (not name.startswith(VARIABLE), name))
    return [name.removeprefix(VARIABLE) for name in ordered]


def _hash(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:SIZE]

"""Readiness: whether store, keys and state are there, without which requests fail."""

from collections.abc import Callable

from session_api.errors import SetupError
from session_api.keys.keyring import Keyring
from session_api.state.state import State
from session_api.stores.store import Store, StoreError, UnfitStoreError


class NotReadyError(Exception):
    """Some of store, keys and state is missing; the text names it."""


class Readiness:
    """Asks the store, the keys and the state file."""

    def __init__(self, store: Store, keyring: Keyring, state: State) -> None:
        self._checks: dict[str, Callable[[], None]] = {
            "store": store.ping,
            "keys": lambda: _raise(keyring.error),
            "state": lambda: _raise(state.error),
        }

    def check(self) -> None:
        """Raises NotReadyError naming the parts that fail."""
        missing = []
        for name, ask in self._checks.items():
            try:
                ask()
            except UnfitStoreError as error:
                missing.append(f"{name} ({error})")
            except (StoreError, SetupError):
                missing.append(name)
        if missing:
            raise NotReadyError(", ".join(missing))


def _raise(error: SetupError | None) -> None:
    if error:
        raise error

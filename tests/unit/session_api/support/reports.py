"""Rows of reports, as proxies send them and as stores take them."""

from typing import Any

from session_api.stores.records import (
    Report,
    Seen,
)
from session_api.stores.store import Store
from tests.unit.session_api.support.data import NOW


def seen(sid: str, user: str | None, version: str = "1.6.7", age: int = 0, life: int = 1000) -> Seen:
    return Seen(sid, user, version, age, NOW + life)


def note(store: Store, *rows: Seen, **more: Any) -> str:
    return store.note(Report("web1:8080", seen=rows, **more))


EXPIRY = NOW + 604800


def row(
    sid: str, user: str | None, version: str = "1.6.7", at: float = NOW, exp: float = EXPIRY
) -> list[Any]:
    return [sid, user, version, at, exp]

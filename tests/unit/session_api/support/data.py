"""Values of the session API's tests: a clock turned by hand, a session, claims, a state file."""

import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from session_api.stores.records import Session

ROOT = Path(__file__).parents[4]
NOW = 1_800_000_000
ALGORITHMS = ("EdDSA", "ES256", "RS256", "HS256")
COOKIE = "__Host-bg_session"


@dataclass
class HandClock:
    """Stands still until it is turned."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


def session(sid: str = "s1", user: str = "u1", version: str = "1.6.7", **changes: Any) -> Session:
    return replace(Session(sid, user, f"{user}@x.y", version, NOW, NOW, NOW + 1000), **changes)


def damage(database: Path) -> None:
    """Put a file of garbage in its place, without the log from which SQLite would mend it."""
    garbage = database.with_suffix(".garbage")
    garbage.write_bytes(b"\xa5" * 20000)
    garbage.replace(database)
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)


def write_state(path: Path, blue: tuple[Any, str, int], green: tuple[Any, str, int], **changes: Any) -> None:
    """Replace the state file as bgctl does, by a rename."""
    slots = {
        name: dict(zip(("version", "state", "weight"), slot, strict=True))
        for name, slot in (("blue", blue), ("green", green))
    }
    document = {
        "schema": 2,
        "generation": 17,
        "phase": "draining",
        "deployment": None,
        "slots": slots,
    } | changes
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(document))
    temporary.replace(path)


def b64(content: Any) -> str:
    """Base64url of bytes, or of the JSON of anything else."""
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims, with changes."""
    return {
        "userId": "u1",
        "sub": "u1",
        "deploymentVersion": "1.6.7",
        "sid": "abcdefghijklmnopqrstuv",
        "iat": NOW,
        "exp": NOW + 604800,
        "iss": "bgctl",
    } | changes


def write_release(path: Path) -> None:
    """A release under way: 1.6.7 is draining, new sessions get 1.6.8."""
    write_state(path, ("1.6.7", "drain", 0), ("1.6.8", "ready", 100))

"""state/jwks.json: when each provider was last looked at, and what came of it.

The keys are in keys/verify/jwks.json, which changes with them alone. The proxy's metrics are from this file.
"""

from pathlib import Path

import msgspec
from msgspec import Struct

from toolkit.files import atomic


class Look(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The last look at a provider. Times are Unix times.

    `good_at` is when its answer was last good, None if it never was, `error` why the last one was not, and
    `next` what to do then. `place` is where its keys were looked for. `notes` say which of them are left out.
    """

    checked_at: float
    place: str
    good_at: float | None = None
    error: str | None = None
    next: str = ""
    notes: tuple[str, ...] = ()


def place(state_dir: Path) -> Path:
    return state_dir / "jwks.json"


def read(state_dir: Path) -> dict[str, Look]:
    """By provider; empty where nothing usable is noted."""
    try:
        return msgspec.json.decode(place(state_dir).read_bytes(), type=dict[str, Look])
    except (OSError, msgspec.MsgspecError):
        return {}


def write(state_dir: Path, looks: dict[str, Look]) -> None:
    """Raises Failed when the disk is full or broken."""
    state_dir.mkdir(exist_ok=True)
    atomic.write(place(state_dir), msgspec.json.encode(looks) + b"\n")

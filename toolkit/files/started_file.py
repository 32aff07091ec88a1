"""state/started.json: with which settings each container was started, as hashes; and the key of those.

Neither is for anybody but the operator, and the key lies in another folder: the containers that see state/
must not be able to guess what is hashed there.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from toolkit.files import atomic
from toolkit.state.started import Started

NAME = "started.json"
KEY = Path("settings") / "settings.key"  # in keys/; no container mounts that folder


def read(state_dir: Path) -> dict[str, Started]:
    """By compose service. Empty where nothing usable is noted."""
    try:
        return msgspec.json.decode((state_dir / NAME).read_bytes(), type=dict[str, Started])
    except (OSError, msgspec.MsgspecError):
        return {}


def write(state_dir: Path, started: Mapping[str, Started]) -> None:
    """Raises Failed when the disk is full or broken."""
    atomic.write(state_dir / NAME, msgspec.json.encode(started) + b"\n", mode=0o600)


def key(keys_dir: Path) -> bytes | None:
    """None where there is none, or none that we may read: then nothing can be compared."""
    try:
        return (keys_dir / KEY).read_bytes() or None
    except OSError:
        return None


def make_key(keys_dir: Path) -> bytes:
    """The key, made where there is none. Raises Failed or OSError."""
    if found := key(keys_dir):
        return found
    folder = (keys_dir / KEY).parent
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)  # whatever the umask is
    made = secrets.token_hex(32).encode()
    atomic.write(keys_dir / KEY, made, mode=0o600)
    return made

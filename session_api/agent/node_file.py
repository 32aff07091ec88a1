"""state/node.json: what the proxy is to know of its node. `confirmed` is the agent's, the rest is not."""

from pathlib import Path
from typing import Any

import msgspec

from session_api.files import atomic

NODE = "node.json"
MODE = 0o644


def confirm(folder: Path, confirmed: bool) -> None:
    """Says whether Redis has been heard since the agent began, as `confirmed`. Raises OSError."""
    path = folder / NODE
    there = _read(path)
    if there.get("confirmed") is not confirmed:
        atomic.write(path, msgspec.json.encode(there | {"confirmed": confirmed}), mode=MODE)


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, ValueError):
        return {}

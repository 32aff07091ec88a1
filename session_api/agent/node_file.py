"""state/node.json: what the proxy is to know of its node. `heardFor` is the agent's, the rest is not."""

from pathlib import Path
from typing import Any

import msgspec

from session_api.files import atomic

NODE = "node.json"
MODE = 0o644


def confirm(folder: Path, began: float) -> None:
    """Says that Redis was heard since the proxy began that did so at this Unix time. Raises OSError."""
    path = folder / NODE
    there = _read(path)
    if there.get("heardFor") != began:
        atomic.write(path, msgspec.json.encode(there | {"heardFor": began}), mode=MODE)


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, ValueError):
        return {}

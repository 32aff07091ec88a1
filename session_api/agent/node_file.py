"""state/node.json: what the proxy is to know of its node: `heardFor` by the agent, the rest by a wish."""

from pathlib import Path
from typing import Any

import msgspec

from session_api.cluster import node_wish
from session_api.cluster.node_wish import NodeWish
from session_api.files import atomic

NODE = "node.json"
MODE = 0o644


def confirm(folder: Path, began: float) -> None:
    """Says that Redis was heard since the proxy began that did so at this Unix time. Raises OSError."""
    _put(folder, {"heardFor": began})


def wish(folder: Path) -> NodeWish:
    """The last one that was written here: a node that was drained stays so, whatever Redis has lost."""
    try:
        return msgspec.convert(_read(folder / NODE), NodeWish)
    except ValueError:
        return node_wish.NONE


def grant(folder: Path, wished: NodeWish) -> None:
    """Writes a wish. Raises OSError."""
    _put(folder, msgspec.structs.asdict(wished))


def _put(folder: Path, members: dict[str, Any]) -> None:
    """Changes these members, and lets be what else is there. Raises OSError."""
    path = folder / NODE
    there = _read(path)
    if (wanted := there | members) != there:
        atomic.write(path, msgspec.json.encode(wanted), mode=MODE)


def _read(path: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, ValueError):
        return {}

"""state/node.json on disk: read strictly, and written in one step. The proxy looks at it every 50 ms.

On one host bgctl is its only writer; in a cluster it is the node's agent.
"""

from pathlib import Path

import msgspec

from toolkit.errors import Failed
from toolkit.files import atomic
from toolkit.state import node
from toolkit.state.node import Node

NAME = "node.json"


def read(state_dir: Path) -> Node:
    """Where there is none, the node takes traffic. Raises Failed for a file that was damaged."""
    path = state_dir / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Node)
    except FileNotFoundError:
        return Node()
    except OSError as error:
        raise Failed(f"{path} cannot be read", str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        why = f"{error}; the proxy goes by the last good one"
        raise Failed(f"{path} is damaged", why, f"{node.READY}   (writes it anew)") from None


def write(state_dir: Path, new: Node) -> None:
    """Raises Failed with the old file intact, NotSynced with the new one in force."""
    atomic.write(state_dir / NAME, msgspec.json.encode(new) + b"\n")

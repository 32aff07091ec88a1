"""state/node.json: what it says, and what is said of one that is no JSON."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from toolkit.errors import Failed
from toolkit.files import node_file
from toolkit.state import node
from toolkit.state.node import Node

NOW = datetime(2026, 1, 15, 13, 30, tzinfo=UTC)
DRAINED = Node(True, "2026-01-15T10:30:00Z", "new kernel")


def test_without_a_file_the_node_takes_traffic(tmp_path: Path) -> None:
    assert node_file.read(tmp_path) == Node(drain=False)


@pytest.mark.parametrize("said", [DRAINED, Node()])
def test_what_is_written_is_read(tmp_path: Path, said: Node) -> None:
    node_file.write(tmp_path, said)
    assert node_file.read(tmp_path) == said


def test_what_another_bgctl_has_written_beside_it_is_let_be(tmp_path: Path) -> None:
    (tmp_path / node_file.NAME).write_text('{"drain": true, "weight": 3}')
    assert node_file.read(tmp_path) == Node(drain=True)


@pytest.mark.parametrize("text", [b'{"drain": tru', b'{"drain": "yes"}', b"", b"\xff"])
def test_a_damaged_one_says_what_writes_it_anew(tmp_path: Path, text: bytes) -> None:
    (tmp_path / node_file.NAME).write_bytes(text)
    with pytest.raises(Failed, match=r"node\.json is damaged") as failed:
        node_file.read(tmp_path)
    assert failed.value.next.startswith("bgctl node ready")


def test_it_is_told_in_a_line() -> None:
    assert node.describe(Node(), NOW) == node.line(Node(), NOW) == ""
    said = node.line(DRAINED, NOW)
    assert "(3 h), new kernel: load balancers are told to send it nothing; next: bgctl node ready" in said

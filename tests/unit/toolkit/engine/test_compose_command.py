"""The compose command, and how often it is asked."""

from pathlib import Path

import pytest

from toolkit.engine.commands import Commands
from toolkit.engine.engine import Engine
from toolkit.errors import Refused


def test_compose_is_asked_once_for_each_environment_while_no_file_changes(tmp_path: Path) -> None:
    command, asked = tmp_path / "docker-compose", tmp_path / "asked"
    command.write_text(
        f'#!/bin/sh\necho "$VERSION" >> {asked}\n[ "$VERSION" = 9 ] && echo "no: $VERSION" >&2 && exit 1\n'
        'echo "services: {web: {image: \\"x:$VERSION\\"}}"\n'
    )
    command.chmod(0o755)
    (tmp_path / "compose.yaml").write_text("services: {}\n")
    (tmp_path / ".env").write_text("A=1\n")
    commands = Commands("docker", (str(command),), "shop", ("compose.yaml",), ".env")
    found = Engine(commands, tmp_path)
    found.__dict__.update(rootless=False, changes_restart=True)
    for version in ("1", "2", "1", "2"):
        assert found.compose({"VERSION": version}).image("web") == f"x:{version}"
    assert asked.read_text().split() == ["1", "2"]
    for _ in range(3):
        with pytest.raises(Refused, match="no: 9"):
            found.compose({"VERSION": "9"})
    assert asked.read_text().split() == ["1", "2", "9"]
    (tmp_path / ".env").write_text("A=1234\n")
    found.compose({"VERSION": "1"})
    assert asked.read_text().split() == ["1", "2", "9", "1"]

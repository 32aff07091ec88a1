"""Commands that act on the files of one host are refused on several."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from toolkit.cli import cli
from toolkit.errors import Refused

EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()


@pytest.mark.parametrize(
    ("command", "next"), [("reload", "bgctl up"), ("adopt", "docker compose down, then: bgctl up")]
)
def test_it_is_refused_on_a_swarm(command: str, next: str, tmp_path: Path) -> None:
    (tmp_path / "bgctl.toml").write_text(EXAMPLE.replace('engine = "auto" ', 'engine = "swarm"'))
    done = CliRunner().invoke(cli, ["--project", str(tmp_path), command])
    assert isinstance(done.exception, Refused)
    assert done.exception.next == next
    assert not (tmp_path / "state").exists()

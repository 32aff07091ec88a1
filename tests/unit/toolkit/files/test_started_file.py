"""The noted settings and their key: the operator's alone, and never in the way."""

from pathlib import Path

from toolkit.files import started_file
from toolkit.state.started import Started

NOTED = {"web-blue": Started("id", "key", "form", {"image": "print"})}


def test_it_is_for_the_operator_alone(tmp_path: Path) -> None:
    made = started_file.make_key(tmp_path)
    assert started_file.make_key(tmp_path) == made == started_file.key(tmp_path)
    started_file.write(tmp_path, NOTED)
    assert started_file.read(tmp_path) == NOTED
    for path in (tmp_path / started_file.NAME, tmp_path / started_file.KEY):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / started_file.KEY).parent.stat().st_mode & 0o777 == 0o700


def test_what_cannot_be_used_is_not_there(tmp_path: Path) -> None:
    assert started_file.key(tmp_path) is None
    assert started_file.read(tmp_path) == {}
    (tmp_path / started_file.NAME).write_text("torn")
    assert started_file.read(tmp_path) == {}

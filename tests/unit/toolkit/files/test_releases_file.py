"""state/releases.json on disk."""

from pathlib import Path

import pytest

from toolkit.errors import Failed
from toolkit.files import releases_file
from toolkit.state.releases import Image, Release, Releases

KNOWN = Releases(
    (Release("1.6.8", "2026-01-15T10:30:00Z", 7, (Image("s:1", "a" * 64, ("b",), ("s@sha256:0",)),)),)
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert releases_file.read(tmp_path) == Releases()
    releases_file.write(tmp_path, KNOWN)
    assert releases_file.read(tmp_path) == KNOWN


@pytest.mark.parametrize("text", ["", "{", '{"schema": 2, "releases": []}', '{"schema": 1, "releases": 1}'])
def test_a_broken_one_says_how_to_go_on(tmp_path: Path, text: str) -> None:
    (tmp_path / "releases.json").write_text(text)
    with pytest.raises(Failed, match=r"releases\.json cannot be used") as caught:
        releases_file.read(tmp_path)
    assert caught.value.next.startswith(f"mv {tmp_path}/releases.json {tmp_path}/releases.broken")

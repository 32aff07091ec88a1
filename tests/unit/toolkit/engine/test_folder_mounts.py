"""Whether the proxy has the folders of which it is to send files; what it lacks is named with its line."""

from pathlib import Path

from tests.unit.toolkit.support.rendered import EXAMPLE
from toolkit import config
from toolkit.engine import folder_mounts
from toolkit.engine.compose import Compose, ComposeService

OWN = 'static = {"/s/" = "site", "/u/" = "volume:up"}\naccel = {"/p/" = "/nowhere"}\nmirror = 0 '
CONFIG = config.parse(EXAMPLE.replace("mirror = 0 ", OWN))


def said(tmp_path: Path, *mounted: str, volumes: dict[str, None]) -> list[str]:
    path = tmp_path / "compose.yaml"
    path.write_text("services:\n  proxy:\n    image: x\n    volumes:\n      - ./proxy:/etc/bgctl:ro\n")
    proxy = ComposeService(volumes=["./proxy:/etc/bgctl:ro", *mounted])
    found = Compose({"proxy": proxy}, dict(volumes))
    return [f"{each} {each.next}" for each in folder_mounts.problems(CONFIG, found, tmp_path, [path])]


def test_what_is_missing_is_named_with_what_to_type(tmp_path: Path) -> None:
    found = said(tmp_path, volumes={})
    assert any("there is no folder site" in each and "mkdir -p site" in each for each in found)
    assert any("there is no folder /nowhere" in each for each in found)
    assert any("there is no volume up" in each and "add up: below volumes:" in each for each in found)
    assert any(
        each.startswith("compose.yaml:4: proxy does not mount ./site")
        and each.endswith("add below volumes: - ./site:/files/frontend/s:ro")
        for each in found
    )


def test_what_is_there_is_fine(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    lines = ("./site:/files/frontend/s:ro", "up:/files/frontend/u:ro", "/nowhere:/files/frontend/p:ro")
    (left,) = said(tmp_path, *lines, volumes={"up": None})
    assert "/nowhere" in left


def test_a_container_from_before_lacks_what_is_new() -> None:
    have = {"/etc/bgctl", "/files/frontend/s", "/files/frontend/p"}
    assert folder_mounts.missing(CONFIG, have) == ["up:/files/frontend/u:ro"]

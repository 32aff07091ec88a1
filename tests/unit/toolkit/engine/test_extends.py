"""What a service extends, where the compose command does not say it."""

from pathlib import Path
from typing import Any

import pytest

from toolkit.engine import extends
from toolkit.errors import Refused

FILE = [Path("compose.yaml")]


@pytest.fixture(autouse=True)
def a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    FILE[0].write_text("services:\n  web:\n    extends: {}\n")


def test_mappings_are_merged_lists_joined_and_commands_replaced():
    services: dict[str, Any] = {
        "base": {"environment": {"A": "1", "B": "1"}, "volumes": ["x:/x"], "command": ["a"], "image": "base"},
        "web": {
            "extends": {"service": "base"},
            "environment": {"B": "2"},
            "volumes": ["y:/y"],
            "command": ["b"],
        },
        "api": {"extends": "web", "image": "api"},
    }
    web = {
        "environment": {"A": "1", "B": "2"},
        "volumes": ["x:/x", "y:/y"],
        "command": ["b"],
        "image": "base",
    }
    found = extends.resolved(services, FILE)
    assert found == {"base": services["base"], "web": web, "api": {**web, "image": "api"}}


@pytest.mark.parametrize(
    "told",
    [{"file": "common.yaml", "service": "base"}, {"service": "nobody"}, {"service": "web"}],
)
def test_what_is_not_there_is_refused_with_its_line(told):
    with pytest.raises(Refused, match=r"compose\.yaml:3: web extends"):
        extends.resolved({"web": {"extends": told}, "base": {}}, FILE)

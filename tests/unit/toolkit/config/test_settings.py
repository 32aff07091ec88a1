"""What has to know of a setting besides its table: the example, the code that acts on it, and the proxy."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import fields

from toolkit import config
from toolkit.config.kinds import DurationOrOff
from toolkit.config.reading import NAMED
from toolkit.config.table import Table
from toolkit.errors import Refused
from toolkit.rendering import settings_json
from toolkit.values import Duration

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
# What acts on settings: all but the modules that say what may be written.
SAY = (
    *("kinds.py", "edge_kinds.py"),
    *(
        "rules.py",
        "edge_rules.py",
        "service_rules.py",
        "address_rules.py",
        "host_rules.py",
        "folder_rules.py",
        "asset_rules.py",
        "swarm_rules.py",
    ),
)
ACTING = [
    path for path in (ROOT / "toolkit").rglob("*.py") if path.parent.name != "config" or path.name not in SAY
]


def settings() -> Iterator[tuple[str, str, object]]:
    """(table, setting, its type) of all of bgctl.toml, [headers] left out."""
    for table in fields(config.Config):
        kind = NAMED[table.name][0] if table.name in NAMED else table.type
        if isinstance(kind, type) and issubclass(kind, Table):
            yield from ((table.name, setting.name, setting.type) for setting in fields(kind))


SETTINGS = [(table, name) for table, name, _ in settings()]
DURATIONS = [(table, name) for table, name, kind in settings() if kind is Duration and table not in NAMED]


def section(table: str) -> str:
    """The part of the example that is about one table."""
    start = re.search(rf"(?m)^(# )?\[{table}[\].]", EXAMPLE)
    assert start, f"[{table}] is not in the example"
    ends = [each.start() for each in re.finditer(r"(?m)^\[", EXAMPLE) if each.start() > start.start()]
    names = [table] if table not in NAMED else []
    return EXAMPLE[start.start() : ends[0] if names and ends else len(EXAMPLE)]


@pytest.mark.parametrize(("table", "name"), SETTINGS)
def test_the_example_has_each_setting_in_its_table(table: str, name: str) -> None:
    assert re.search(rf"(?m)^#? ?{name} = ", section(table)), f"bgctl.example.toml: [{table}] lacks {name}"


@pytest.mark.parametrize(("table", "name"), SETTINGS)
def test_something_acts_on_each_setting(table: str, name: str) -> None:
    acts = re.compile(rf"\.{name}\b|[\"']{name}[\"']")
    assert any(acts.search(path.read_text()) for path in ACTING), f"[{table}] {name} is read and never used"


@pytest.mark.parametrize(("table", "name"), DURATIONS)
def test_a_duration_is_off_only_where_its_kind_says_so(table: str, name: str) -> None:
    raw = tomllib.loads(EXAMPLE)
    assert name in raw[table]
    text = re.sub(rf'(?m)^({name} = )"[^"]*"', r'\1"off"', section(table), count=1)
    with pytest.raises(Refused, match=rf"{table}\.{name}: cannot be off"):
        config.parse(EXAMPLE.replace(section(table), text))


def test_those_that_may_be_off_are_understood() -> None:
    may = [(table, name) for table, name, kind in settings() if kind is DurationOrOff]
    assert len(may) == 6
    for table, name in may:
        text = re.sub(rf'(?m)^({name} = )"[^"]*"', r'\1"off"', section(table), count=1)
        assert getattr(getattr(config.parse(EXAMPLE.replace(section(table), text)), table), name) == 0


def test_the_proxy_takes_the_settings_that_are_rendered_for_it() -> None:
    """settings.json and its reader name the same settings: neither has one that the other has forgotten."""
    lua = (ROOT / "lua" / "bg" / "lib" / "settings.lua").read_text()
    expected = re.search(r"(?s)local EXPECTED = \{(.*?)\}", lua)
    assert expected
    taken = set(re.findall(r"(\w+) = \"", expected[1]))
    assert taken | {"schema"} == set(json.loads(settings_json.render(config.parse(EXAMPLE))))

"""The rooms of lua/bg: what each may require, and that each says what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.lua.support.luajit import LUA

BG = LUA / "bg"
# From the ground up: a room may require what stands in a line above its own, and nothing else but itself.
ORDER = [
    {"lib"},
    {"gate"},
    {"workers"},
    {"activity", "figures", "health", "limits", "tokens"},
    {"routing"},
    {"node"},
    {"control"},
    {"phases", "log_phase", "answers"},
    {"assets"},
    {"startup"},
]
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}
ROOMS = sorted(folder.name for folder in BG.iterdir() if folder.is_dir())
REQUIRE = re.compile(r"""require\(?\s*["']bg\.([\w.]+)["']""")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(BG).with_suffix("").parts)


MODULES = {module_of(path): REQUIRE.findall(path.read_text()) for path in sorted(BG.rglob("*.lua"))}


def room_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_requires_only_what_is_below_its_room(module):
    for wanted in MODULES[module]:
        assert wanted in MODULES, f"there is no bg.{wanted}"
        mine, its = room_of(module), room_of(wanted)
        assert mine == its or LEVEL[its] < LEVEL[mine], f"bg.{module} must not require bg.{wanted}"


def test_no_modules_require_each_other_in_a_circle():
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        assert module not in path, " -> ".join([*path, module])
        if module not in done:
            for wanted in MODULES[module]:
                walk(wanted, [*path, module])
            done.add(module)

    for module in MODULES:
        walk(module, [])


def test_every_room_has_its_place_in_the_order():
    assert {*ROOMS, "phases", "log_phase", "answers", "startup"} == set(LEVEL)
    assert {room_of(module) for module in MODULES} == set(LEVEL)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_begins_with_what_it_is_for(room):
    text = (BG / room / "README.md").read_text()
    assert text.strip().endswith("."), "a sentence"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_begins_with_what_it_is(module):
    text = (BG / (module.replace(".", "/") + ".lua")).read_text()
    assert text.startswith("-- "), "a comment"


def test_templates_call_modules_that_there_are():
    for template in (LUA.parent / "nginx").rglob("*.j2"):
        for wanted in REQUIRE.findall(template.read_text()):
            assert wanted in MODULES, f"{template.name}: there is no bg.{wanted}"

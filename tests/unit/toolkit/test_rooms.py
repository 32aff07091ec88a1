"""The arrows between the toolkit's rooms go one way, by every import, also those inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import toolkit

TOOLKIT = Path(toolkit.__file__).parent

# From the ground up: a room imports only from those before it. `cli` imports commands by their names.
ROOMS = (
    "errors",
    "values",
    "shipped",
    "clock",
    "terminal",
    "explain",
    "config",
    "state",
    "files",
    "clients",
    "engine",
    "hooks",
    "health",
    "images",
    "changes",
    "project",
    "slots",
    "rendering",
    "canary",
    "checks",
    "release",
    "context",
    "options",
    "observe",
    "cron",
    "monitor",
    "commands",
    "cli",
)
MODULES = {
    ".".join(path.relative_to(TOOLKIT.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(TOOLKIT.rglob("*.py"))
}


def imports(module: str) -> Iterator[str]:
    """The modules of the toolkit that this one imports anywhere in its text."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            for each in node.names:
                inside = f"{node.module}.{each.name}"
                yield inside if inside in MODULES else node.module


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_every_room_has_its_place() -> None:
    assert {room(module) for module in MODULES} - {""} == set(ROOMS)


@pytest.mark.parametrize("module", [name for name in MODULES if "." in name])
def test_a_room_imports_only_from_those_below(module: str) -> None:
    here = ROOMS.index(room(module))
    above = [other for other in imports(module) if "." in other and ROOMS.index(room(other)) > here]
    assert not above, f"{module} imports from above its room: {', '.join(above)}"


def test_no_circle_of_imports() -> None:
    graph = {module: set(imports(module)) - {"toolkit", module} for module in MODULES}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize("module", [name for name in MODULES if MODULES[name].name == "__init__.py"])
def test_a_room_begins_with_what_it_is_for(module: str) -> None:
    text = ast.get_docstring(ast.parse(MODULES[module].read_text()))
    assert text, f"{MODULES[module]} has no docstring"
    assert text.splitlines()[0].endswith((".", ":"))

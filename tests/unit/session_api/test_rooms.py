"""The rooms of session_api/: each imports only what lies below it, and bgctl's part stays light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from tests.unit.session_api.support.data import ROOT

PACKAGE = ROOT / "session_api"
# From the ground up: a room imports what stands before it, and nothing after it.
ORDER = [
    *("errors", "clock", "version_name", "messages", "paths", "logs"),  # what everybody speaks
    "files",
    "keys",
    "state",
    "tokens",
    "stores",
    "sessions",
    "counts",
    "observe",
    "access",
    "http",
    "resources",
    "settings",
    "app",
]
MODULES = {
    ".".join(("session_api", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in PACKAGE.rglob("*.py")
}
# What bgctl imports, some of it before it says a word: HTTP and stores are no business of its own.
BGCTLS = ("session_api.errors", "session_api.files", "session_api.keys", "session_api.tokens")


def imported(module: str) -> Iterator[str]:
    """The modules of this package that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and (node.module or "") in MODULES:
            for each in node.names:
                inner = f"{node.module}.{each.name}"
                yield inner if inner in MODULES else str(node.module)


def room(module: str) -> str:
    return module.split(".")[1]


def test_every_room_stands_in_the_order() -> None:
    assert {room(module) for module in MODULES if module != "session_api"} == set(ORDER)


@pytest.mark.parametrize("module", [each for each in MODULES if each != "session_api"])
def test_a_room_imports_what_lies_below_it(module: str) -> None:
    at = ORDER.index(room(module))
    assert not {each for each in imported(module) if ORDER.index(room(each)) > at}
    assert "session_api" not in imported(module)


def test_no_module_imports_itself_by_way_of_others() -> None:
    list(TopologicalSorter({module: set(imported(module)) for module in MODULES}).static_order())


def test_every_room_says_what_it_is_for() -> None:
    for module, path in MODULES.items():
        said = ast.get_docstring(ast.parse(path.read_text())) or ""
        assert said.split("\n")[0].endswith("."), module


def test_nothing_here_imports_the_toolkit() -> None:
    for path in MODULES.values():
        assert "import toolkit" not in path.read_text() and "from toolkit" not in path.read_text(), path


def test_what_bgctl_imports_needs_no_web_framework_and_no_store() -> None:
    used = set()
    for path in (ROOT / "toolkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("session_api"):
                inner = {f"{node.module}.{each.name}" for each in node.names}
                used |= (inner & set(MODULES)) or {str(node.module)}
    assert used
    assert {module for module in used if not module.startswith(BGCTLS)} == set()
    heavy = {"falcon", "redis", "structlog", "prometheus_client", "sqlite3"}
    code = f"import sys; import {', '.join(sorted(used))}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_where_keys_lie_is_known_at_once() -> None:
    """Every bgctl command may ask: it must not wait for cryptography, nor for msgspec."""
    code = "import sys, session_api.keys.key_files, session_api.errors, session_api.files.atomic; "
    code += "print(sorted({'cryptography', 'msgspec'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_room_is_a_package() -> None:
    folders = {path.parent for path in MODULES.values()}
    assert {folder for folder in folders if not (folder / "__init__.py").exists()} == set()
    assert Path(PACKAGE / "web").is_dir()  # what browsers get is no room of modules

"""Rooms have arrows that go one way: down, in the order of docs/architecture.md, by every import."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

import pytest

from tests.unit.support import plan
from tests.unit.support.packages import Package, room

PACKAGES = [Package("toolkit"), Package("session_api")]
MODULES = [(package, module) for package in PACKAGES for module in package.modules if room(module)]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_every_room_has_its_place(package: Package) -> None:
    assert {room(module) for module in package.modules} - {""} == set(plan.order(f"{package.name}/"))


@pytest.mark.parametrize(("package", "module"), MODULES, ids=[module for _, module in MODULES])
def test_a_room_imports_only_from_those_below(package: Package, module: str) -> None:
    order = plan.order(f"{package.name}/")
    used = {room(other) for other in package.imports(module) if room(other)}
    above = [other for other in used if order.index(other) > order.index(room(module))]
    assert not above, f"{module} imports from above its room: {', '.join(above)}"


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_no_circle_of_imports(package: Package) -> None:
    graph = {module: set(package.imports(module)) - {package.name, module} for module in package.modules}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.parametrize(("package", "module"), MODULES, ids=[module for _, module in MODULES])
def test_a_module_begins_with_what_it_is(package: Package, module: str) -> None:
    first = package.docstring(module).partition("\n")[0]
    assert first.endswith((".", ":")), first


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_a_room_is_a_package(package: Package) -> None:
    folders = {path.parent for path in package.modules.values()}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]

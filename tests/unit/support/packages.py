"""A package of ours as its modules, with what each imports: at the top, and inside functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]


class Package:
    """`modules` are the paths by dotted name; a room is what stands directly below the package."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.modules = {_dotted(path): path for path in sorted((ROOT / name).rglob("*.py"))}

    def imports(self, module: str) -> Iterator[str]:
        """The modules of this package that `module` imports, wherever in its text."""
        for node in ast.walk(ast.parse(self.modules[module].read_text())):
            if isinstance(node, ast.Import):
                yield from (each.name for each in node.names if each.name in self.modules)
            elif isinstance(node, ast.ImportFrom) and node.module in self.modules:
                inner = [f"{node.module}.{each.name}" for each in node.names]
                yield from (each if each in self.modules else node.module for each in inner)

    def docstring(self, module: str) -> str:
        return ast.get_docstring(ast.parse(self.modules[module].read_text())) or ""


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    """ "" for the package itself."""
    return module.partition(".")[2].partition(".")[0]

"""An engine for images without an engine: it notes the names and labels that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.errors import Failed
from toolkit.images import bases
from toolkit.images.catalogue import Base, Image
from toolkit.images.engine import BASE_LABEL, LABEL, Engine
from toolkit.images.shell import Report, ignore


@dataclass
class Kept:
    """An image: its id and labels."""

    id: str
    labels: dict[str, str] = field(default_factory=dict)


class Shelf(Engine):
    """`images` by name; `registry` has what can be pulled. With `broken` nothing can be built."""

    def __init__(self, registry: Sequence[str] = ()) -> None:
        super().__init__("docker", Report(ignore))
        self.shelf: dict[str, Kept] = {}
        self.registry, self.broken = registry, False
        self.built: list[str] = []

    def put_base(self, base: Base, id: str = "b1") -> None:
        """The base as it is made from Debian packages."""
        self.shelf[base.name] = Kept(id, {LABEL: bases.recipe(base)})

    def id(self, image: str) -> str | None:
        return self.shelf[image].id if image in self.shelf else None

    def label(self, image: str, name: str = LABEL) -> str | None:
        return self.shelf[image].labels.get(name, "") if image in self.shelf else None

    def pull(self, image: str) -> bool:
        if image in self.registry:
            self.shelf[image] = Kept(f"pulled {image}")
        return image in self.registry

    def run(self, *args: str) -> None:
        assert args[0] == "tag"
        self.shelf[args[2]] = self.shelf[args[1]]

    def build(self, image: Image, context: Path, source: str, labels: Sequence[str] = ()) -> None:
        if self.broken:
            raise Failed(
                "docker build failed", "no space left on device", "", "Step 3\nno space left on device"
            )
        self.built.append(image.name)
        self.shelf[image.name] = Kept(source, {LABEL: source, BASE_LABEL: self.id(image.base.name) or ""})

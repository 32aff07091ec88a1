"""Each node has to be able to pull what it is to run, and what it runs is what the manager has."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from toolkit.engine.engine import Engine
from toolkit.engine.images import ImageFacts
from toolkit.errors import Failed, Refused
from toolkit.swarm import images

NAME = "registry.example/shop:1"


@dataclass
class Shelf:
    """`here` has the digests of images by name; a push gives one, a pull brings one along."""

    here: dict[str, list[str]]
    asked: list[str] = field(default_factory=list)

    def image_facts(self, image: str) -> ImageFacts | None:
        return ImageFacts("1", [image], self.here[image]) if image in self.here else None

    def pull(self, image: str) -> None:
        self.asked.append("pull")
        self.push(image)

    def push(self, image: str) -> None:
        self.asked.append("push")
        self.here[image] = [f"{image.rpartition(':')[0]}@sha256:new"]


def pinned(shelf: Shelf, image: str, alone: bool = False) -> str:
    return images.pinned(cast(Engine, shelf), image, lambda: alone)


def test_what_a_registry_is_known_to_have_is_named_by_its_digest() -> None:
    shelf = Shelf({NAME: ["other.example/shop@sha256:0", "registry.example/shop@sha256:1"]})
    assert pinned(shelf, NAME) == f"{NAME}@sha256:1"
    assert shelf.asked == []


def test_what_was_built_here_is_pushed_first() -> None:
    shelf = Shelf({NAME: []})
    assert pinned(shelf, NAME) == f"{NAME}@sha256:new"
    assert shelf.asked == ["push"]


def test_what_is_not_here_is_pulled() -> None:
    assert pinned(Shelf({}), "redis:7") == "redis:7@sha256:new"


def test_what_no_registry_has_runs_on_this_node_alone() -> None:
    shelf = Shelf({"localhost/bgctl/proxy:dev": []})
    assert pinned(shelf, "localhost/bgctl/proxy:dev", alone=True) == "localhost/bgctl/proxy:dev"
    with pytest.raises(Refused, match="on this host alone") as caught:
        pinned(shelf, "localhost/bgctl/proxy:dev")
    assert "REGISTRY/bgctl/proxy" in caught.value.next


def test_a_digest_that_is_named_stays() -> None:
    assert pinned(Shelf({}), f"{NAME}@sha256:5") == f"{NAME}@sha256:5"


def test_a_push_that_leaves_no_digest_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf({NAME: []})
    monkeypatch.setattr(shelf, "push", lambda image: None)
    with pytest.raises(Failed, match="has no digest"):
        pinned(shelf, NAME)


@pytest.mark.parametrize(
    ("here", "image", "built", "nobody"),
    [
        ({"shop-web:2": []}, "shop-web:2", False, True),
        ({}, "shop-web:2", True, True),  # it is to be built, and would be on this host alone
        ({}, "localhost/bgctl/proxy:dev", False, True),
        ({}, "redis:7", False, False),  # pulled from the engine's own registry
        ({"redis:7": ["redis@sha256:1"]}, "redis:7", False, False),
        ({NAME: []}, NAME, True, False),
        ({}, f"shop-web:2@sha256:{'0' * 64}", True, False),
    ],
)
def test_an_image_that_nodes_could_not_have_is_known_before_anything_starts(
    here: dict[str, list[str]], image: str, built: bool, nobody: bool
) -> None:
    shelf = Shelf(here)
    assert images.reaches_nobody(cast(Engine, shelf), image, built) is nobody
    assert shelf.asked == []


def test_the_way_out_keeps_the_very_image_that_is_here() -> None:
    error = images.here_alone("shop-web:2")
    assert error.next == (
        "name it REGISTRY/shop-web in the compose file or the env file; "
        "then: docker tag shop-web:2 REGISTRY/shop-web:2"
    )

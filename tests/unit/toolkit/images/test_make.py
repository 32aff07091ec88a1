"""An image is made again when what it is made of has changed, and only then."""

from pathlib import Path

import pytest

from tests.unit.toolkit.support.shelves import Shelf
from toolkit.errors import Failed
from toolkit.images import catalogue, make, places
from toolkit.images.catalogue import PROXY, REDIS

IMAGE = REDIS


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "root", lambda: tmp_path)
    places.images().mkdir()


@pytest.fixture
def shelf() -> Shelf:
    found = Shelf()
    found.put_base(IMAGE.base)
    return found


def test_it_is_made_once(shelf: Shelf) -> None:
    assert make.make(shelf, [IMAGE]) == [IMAGE]
    assert make.is_of_us(shelf, IMAGE)
    assert make.make(shelf, [IMAGE]) == []
    assert shelf.built == [IMAGE.name]


def test_another_base_makes_it_anew_and_leaves_it_of_us(shelf: Shelf) -> None:
    make.make(shelf, [IMAGE])
    shelf.put_base(IMAGE.base, "b2")
    assert make.is_of_us(shelf, IMAGE)
    assert make.make(shelf, [IMAGE]) == [IMAGE]


def test_a_base_that_is_gone_is_not_missed(shelf: Shelf) -> None:
    """An engine that is told to remove what no container uses removes bases first."""
    make.make(shelf, [IMAGE])
    del shelf.shelf[IMAGE.base.name]
    assert make.make(shelf, [IMAGE]) == []


def test_an_image_of_another_bgctl_is_not_of_us(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    make.make(shelf, [IMAGE])
    monkeypatch.setattr(make, "sources_of", lambda image: [("a", False, b"new")])
    assert not make.is_of_us(shelf, IMAGE)
    assert make.make(shelf, [IMAGE]) == [IMAGE]


def test_an_official_base_is_taken_where_a_registry_has_it() -> None:
    shelf = Shelf(registry=[IMAGE.base.upstream])
    make.make(shelf, [IMAGE])
    assert shelf.id(IMAGE.base.name) == f"pulled {IMAGE.base.upstream}"
    assert make.make(shelf, [IMAGE]) == []


def test_a_build_on_a_full_disk_is_named(shelf: Shelf) -> None:
    shelf.broken = True
    with pytest.raises(Failed, match=f"{IMAGE.name} could not be built: the disk is full") as caught:
        make.make(shelf, [IMAGE])
    assert caught.value.next.startswith("docker system df")
    assert "Step 3" in caught.value.detail


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (PROXY.name, "bgctl images"),
        (REDIS.name, "bgctl images --redis"),
        ("localhost/other/proxy:dev", "BGCTL_IMAGES=other bgctl images"),
        ("localhost/other/proxy:1", None),
        ("localhost/other/app:dev", None),
        ("registry.example/bgctl/proxy:dev", None),
    ],
)
def test_which_command_makes_an_image(name: str, command: str | None) -> None:
    assert catalogue.command_for(name) == command


def test_the_compose_file_names_what_is_made() -> None:
    """A project that says nothing gets these, unless BGCTL_IMAGES names others for a second checkout."""
    from toolkit.shipped import shipped

    text = shipped("compose", "bgctl.yaml").read_text()
    for part in ("proxy", "session-api"):
        assert f":-localhost/bgctl/{part}:dev}}" in text
    assert [catalogue.part(image) for image in catalogue.IMAGES] == ["proxy", "session-api", "redis"]

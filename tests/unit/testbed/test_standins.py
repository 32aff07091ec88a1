"""Stand-ins for official images: never in place of one that is there, and never taken for one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from testbed.images import standins
from testbed.images.standins import Standin
from toolkit.errors import Failed
from toolkit.images import bases
from toolkit.images.catalogue import PYTHON_BASE, Image
from toolkit.images.context import pip_download
from toolkit.images.engine import LABEL, Engine
from toolkit.images.shell import Report, ignore

ROOT = Path(__file__).resolve().parents[3]
OFFICIAL = "python:3.13-slim"  # as ordinary projects name it


class Shelf(Engine):
    """An engine with these images: by name, the label that says what ours are made from."""

    def __init__(self, images: dict[str, str | None], registry: Sequence[str] = ()) -> None:
        super().__init__("docker", Report(ignore))
        self.shelf, self.registry = images, registry
        self.pulled: list[str] = []

    def id(self, image: str) -> str | None:
        return f"id of {image}" if image in self.shelf else None

    def label(self, image: str, name: str = LABEL) -> str | None:
        return self.shelf.get(image)

    def pull(self, image: str) -> bool:
        self.pulled.append(image)
        if image in self.registry:
            self.shelf[image] = None
        return image in self.registry

    def run(self, *args: str) -> None:
        assert args[0] == "tag"
        self.shelf[args[2]] = self.shelf[args[1]]


def standin() -> Standin:
    (found,) = [one for one in standins.standins() if one.image.name == OFFICIAL]
    return found


def test_an_official_image_is_left_as_it_is() -> None:
    assert not standins.is_wanted(Shelf({OFFICIAL: None}), standin())


def test_an_official_image_that_can_be_pulled_is() -> None:
    assert not standins.is_wanted(Shelf({}, registry=[OFFICIAL]), standin())


def test_without_both_a_stand_in_is_made() -> None:
    assert standins.is_wanted(Shelf({}), standin())


def test_a_stand_in_is_looked_after_without_asking_a_registry() -> None:
    shelf = Shelf({OFFICIAL: "made from this"}, registry=[OFFICIAL])
    assert standins.is_wanted(shelf, standin())
    assert shelf.pulled == []


def test_a_stand_in_is_no_base_of_ours() -> None:
    """It is built from that base: a new recipe would else find it, and take it for the official image."""
    shelf = Shelf({PYTHON_BASE.upstream: "made from this", PYTHON_BASE.name: "an old recipe"})
    assert not bases.tag_upstream(shelf, PYTHON_BASE)
    assert bases.tag_upstream(Shelf({PYTHON_BASE.upstream: None}), PYTHON_BASE)


def test_a_base_is_the_official_image_that_ordinary_projects_name() -> None:
    assert PYTHON_BASE.upstream == f"docker.io/library/{OFFICIAL}"


CASES = ROOT / "tests" / "cases"
ALL = [*standins.standins(), *standins.for_recipes()]


def test_every_base_of_ordinary_projects_and_recipes_has_one() -> None:
    files = [path for folder in ("projects", "recipes") for path in (CASES / folder).glob("*/*")]
    said = [path.read_text() for path in files if path.is_file()]
    words = {word.strip("\"'") for text in said for word in text.split()}
    ours = {one.image.name for one in ALL}
    assert ours <= words
    froms = {line.split()[1] for text in said for line in text.splitlines() if line.startswith("FROM ")}
    assert froms <= ours


def test_what_make_test_builds_from_is_there_without_all_of_the_recipes() -> None:
    short = [path.parent for path in (CASES / "recipes").glob("*/requirements.txt")]
    assert short
    froms = {line.split()[1] for folder in short for line in _lines(folder / "Dockerfile") if "FROM " in line}
    assert froms <= {one.image.name for one in standins.standins()}


def test_lock_files_name_no_registry() -> None:
    """`npm ci` asks the one that this machine has: the address in a lock file would outrank it."""
    locks = list((CASES / "recipes").glob("*/package-lock.json"))
    assert locks
    assert not [str(path) for path in locks if "resolved" in path.read_text()]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


@pytest.mark.parametrize("image", [one.image for one in ALL], ids=lambda image: image.name)
def test_a_dockerfile_takes_every_argument_that_it_is_given(image: Image) -> None:
    (folder,) = image.folders
    dockerfile = (ROOT / folder / image.dockerfile).read_text()
    declared = {line.split()[1] for line in dockerfile.splitlines() if line.startswith("ARG ")}
    assert {"BASE", *image.args} <= declared


def test_wheels_for_a_wheelhouse_are_the_same_as_for_a_folder() -> None:
    command = pip_download("projects", Path("/there"))
    assert command[:3] == ["download", "--require-hashes", "--no-deps"]
    assert {"--python-version=3.13", "--only-binary=:all:", "--dest=/there"} < set(command)


class Family(Engine):
    """An engine with an image and one that was built from it, listed in this order."""

    def __init__(self) -> None:
        super().__init__("docker", Report(ignore))
        self.there = ["parent", "child"]
        self.in_use = False

    def descended(self, label: str) -> list[str]:
        return list(self.there)

    def run(self, *args: str) -> None:
        each = args[-1]
        if self.in_use or (each == "parent" and "child" in self.there):
            raise Failed("docker rmi failed", "image has dependent child images")
        self.there.remove(each)


def test_an_image_from_which_others_were_built_goes_after_them() -> None:
    family = Family()
    standins.remove(family)
    assert family.there == []


def test_what_cannot_be_removed_is_an_error_and_no_endless_loop() -> None:
    family = Family()
    family.in_use = True
    with pytest.raises(Failed, match="docker rmi failed"):
        standins.remove(family)

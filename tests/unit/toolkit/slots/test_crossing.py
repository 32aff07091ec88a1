"""Green finds what is unchanged by its plain name, and nothing else of blue."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from tests.unit.toolkit.support.engines import project_on
from tests.unit.toolkit.support.several import Engine, project_of
from tests.unit.toolkit.support.worlds import World
from toolkit.engine.container import Container, Endpoint, Networking
from toolkit.project import Project
from toolkit.slots import crossing

BLUE, GREEN = "shop_bgctl-blue", "shop_bgctl-green"


class Networked(Engine):
    """Each container of blue is in the network of blue, and of another one."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.known = {BLUE, "shop_default"}
        self.in_green: dict[str, list[str]] = {}

    def _container(self, name: str) -> Container:
        found = super()._container(name)
        service = name.split("-")[0]
        places = {BLUE: Endpoint([service, name, name[:12]]), "shop_default": Endpoint([name])}
        if name in self.in_green:
            places[GREEN] = Endpoint(self.in_green[name])
        return replace(found, networking=Networking(places if name.endswith("blue") else {}))

    def networks(self) -> list[str]:
        return sorted(self.known)

    def create(self, service: str, env: object) -> None:
        self.asked.append(f"create {service}")
        self.known.add(GREEN)

    def join(self, network: str, container: Container, aliases: Sequence[str]) -> None:
        assert network in self.known
        self.in_green[container.service] = list(aliases)

    def leave(self, network: str, container: Container) -> None:
        assert network == GREEN
        del self.in_green[container.service]


@pytest.fixture
def several(world: World) -> tuple[Project, Networked]:
    project_of(world)
    engine = Networked(world)
    return project_on(engine), engine


def test_what_is_unchanged_is_found_by_the_name_that_it_has_in_blue(
    several: tuple[Project, Networked],
) -> None:
    project, engine = several
    project.leaves = ("api", "worker")
    crossing.join(project, "1.6.8")
    assert engine.asked == ["create frontend-green"], "the network of green was not there yet"
    assert engine.in_green == {"api-blue": ["api"], "worker-blue": ["worker"]}
    crossing.join(project, "1.6.8")
    assert engine.asked == ["create frontend-green"], "all is there"
    crossing.part(project)
    assert engine.in_green == {}


def test_another_release_finds_what_it_leaves_and_no_more(several: tuple[Project, Networked]) -> None:
    project, engine = several
    project.leaves = ("api", "worker")
    crossing.join(project, "1.6.8")
    project.leaves = ("worker",)
    crossing.join(project, "1.6.9")
    assert engine.in_green == {"worker-blue": ["worker"]}


def test_a_release_of_everything_finds_nothing_of_blue(several: tuple[Project, Networked]) -> None:
    project, engine = several
    engine.known.add(GREEN)
    engine.in_green = {"api-blue": ["api"]}  # a release was killed before its end
    crossing.join(project, "1.6.8")
    assert (engine.in_green, engine.asked) == ({}, [])

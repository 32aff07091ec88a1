"""An adoption that is taken back, or goes on: what it leaves alone, who may type it, and after a reboot."""

import os
from pathlib import Path

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import NONE, READY, World
from toolkit.adopt import back, netfilter
from toolkit.adopt import run as adoption
from toolkit.adopt.holders import Holder
from toolkit.adopt.plan import Plan
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.errors import Refused
from toolkit.files import adoption_file
from toolkit.files.adoption_file import GAP, REDIRECT, Adoption
from toolkit.values import Address

TEMPORARY = {"0.0.0.0:80": "0.0.0.0:30080"}
TERMS = adoption.Terms(1)


def begun(world: World, way: str, **more: object) -> Path:
    world.put("rest", READY, NONE)
    state_dir = world.root / "state"
    adoption_file.write(state_dir, Adoption("2026-01-15T10:30:00Z", way, (), TEMPORARY, **more))  # type: ignore[arg-type]
    return state_dir


def test_a_shared_service_that_ran_before_stays(world: World) -> None:
    project, engine = project_of(world)
    state_dir = begun(world, GAP, kept=("session-api",))
    back.run(project)
    removed = [each for each in engine.asked if each.startswith("remove")]
    assert "remove proxy" in removed
    assert "remove session-api" not in removed
    assert adoption_file.read(state_dir) is None


def test_one_that_the_adoption_has_started_goes(world: World) -> None:
    project, engine = project_of(world)
    begun(world, GAP)
    back.run(project)
    assert "remove session-api" in engine.asked


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_redirect_of_root_is_not_left_without_its_proxy(
    world: World, monkeypatch: pytest.MonkeyPatch, goes_on: bool
) -> None:
    project, engine = project_of(world)
    state_dir = begun(world, REDIRECT)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused) as refused:
        adoption.run(project, TERMS) if goes_on else back.run(project)
    assert "as root" in refused.value.next
    assert not [each for each in engine.asked if each.startswith("remove")]
    assert adoption_file.read(state_dir) is not None


def test_after_the_redirect_anybody_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    netfilter.check_user(Adoption("", REDIRECT, (), {}), "adopt")
    netfilter.check_user(Adoption("", GAP, (), TEMPORARY), "adopt")


def container(name: str, running: bool) -> Container:
    return Container(
        name, Status("running" if running else "exited", running), Settings("x:1", {SERVICE: name})
    )


@pytest.mark.parametrize(
    ("way", "worker_runs", "stopped"), [(REDIRECT, True, False), (REDIRECT, False, True), (GAP, True, True)]
)
def test_what_a_reboot_has_started_again_is_redirected_again(
    world: World, way: str, worker_runs: bool, stopped: bool
) -> None:
    project, _ = project_of(world)
    state_dir = begun(world, way, stopped=True, real=True)
    web = container("web", True)
    held = (Holder(web, (Address("0.0.0.0:80"),), (8000,)),)
    planned = Plan((web, container("worker", worker_runs)), held, (), TEMPORARY, way)
    adoption.note(project, planned, adoption_file.read(state_dir))
    found = adoption_file.read(state_dir)
    assert found is not None
    assert (found.stopped, found.real) == (stopped, False)

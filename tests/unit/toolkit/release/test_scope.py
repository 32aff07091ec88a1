"""Which services a release changes, what it leaves as it is, and when it may not."""

import json
from typing import Any

import pytest

from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.engines import project_on
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.several import A, B, C, project_of
from tests.unit.toolkit.support.worlds import DRAIN, GREEN, World
from toolkit import slots
from toolkit.errors import BgctlError, Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.release import proof_record, scope
from toolkit.state.releases import Image, Release, Releases

DEPLOY = "bgctl deploy 1.6.8"


def begin(project: Project, *named: str) -> None:
    scope.begin(project, named, DEPLOY, "1.6.8")


def try_to_begin(project: Project, *named: str) -> None:
    begin(project, *named)
    scope.check(project, "1.6.8")


def why(project: Project, *named: str) -> str:
    with pytest.raises(BgctlError) as refused:
        try_to_begin(project, *named)
    return str(refused.value.line)


def under_way(world: World, *unchanged: str) -> None:
    world.put("draining", DRAIN, GREEN, "drain")
    path = world.root / "state" / "state.json"
    state: dict[str, Any] = world.state
    state["deployment"]["unchanged"] = list(unchanged)
    path.write_text(json.dumps(state))


def test_green_has_the_services_that_are_named_and_blue_has_all(world: World) -> None:
    project, _ = project_of(world)
    assert slots.names(project, "green") == ["frontend-green", "api-green", "worker-green"]
    begin(project, "frontend")
    assert slots.unchanged(project) == ("api", "worker")
    assert slots.names(project, "green") == ["frontend-green"]
    assert slots.names(project, "blue") == ["frontend-blue", "api-blue", "worker-blue"]
    assert slots.unchanged_names(project) == ["api-blue", "worker-blue"]
    assert slots.workers(project, "green") == []


def test_what_is_under_way_says_it_and_not_the_command(world: World) -> None:
    project, _ = project_of(world)
    under_way(world, "worker")
    begin(project)
    assert slots.unchanged(project) == ("worker",)
    begin(project, "api", "frontend")
    assert "it leaves worker unchanged" in why(project, "api")


def test_a_service_that_calls_a_changed_one_changes_too(world: World) -> None:
    project, engine = project_of(world)
    engine.needs = {"worker": ["api"]}
    said = why(project, "frontend", "api")
    assert "worker depends on api" in said
    assert "name worker in --services as well" in said


def test_a_service_with_the_image_of_a_changed_one_changes_too(world: World) -> None:
    project, engine = project_of(world)
    engine.images = {"worker": "api"}
    assert "worker has the image of api, which changes" in why(project, "frontend", "api")


def test_what_does_not_run_cannot_be_left(world: World) -> None:
    project, engine = project_of(world)
    engine.there.discard("worker-blue")
    assert "worker-blue does not run" in why(project, "frontend", "api")


def test_an_image_of_the_new_version_that_is_another_one_has_changed(world: World) -> None:
    project, engine = project_of(world)
    engine.ids["worker:1.6.8"] = A
    said = why(project, "frontend", "api")
    assert "worker:1.6.8 is another image than worker-blue runs" in said
    assert "docker rmi worker:1.6.8" in said


def test_a_proxy_of_an_older_bgctl_is_refused(world: World) -> None:
    project, engine = project_of(world)
    engine.ids["worker:1.6.8"] = C
    assert "the proxy is of an older bgctl" in why(project, "frontend", "api")


def test_an_answer_cannot_prove_a_version_that_it_does_not_know(world: World) -> None:
    project, _ = project_of(world)
    found = why(project, "api")
    assert (
        'frontend cannot be left unchanged: it proves its version by its answer (version = "json")' in found
    )


def test_a_pair_cannot_be_left(world: World) -> None:
    _, engine = project_of(world)
    path = world.root / "bgctl.toml"
    path.write_text(path.read_text().replace('version = "json"', 'version = "image"'))
    found = why(project_on(engine), "api")
    assert "frontend cannot be left unchanged: it is a pair in the compose file" in found
    assert "api" not in found.partition(":")[0]


def test_a_name_that_is_no_slotted_service(world: World) -> None:
    project, _ = project_of(world)
    assert "session-api is no service that a release changes" in why(project, "session-api")


def test_an_unchanged_service_is_proven_by_its_image_and_a_changed_one_is_not(world: World) -> None:
    project, engine = project_of(world)
    begin(project, "frontend")
    engine.there.add("frontend-green")
    engine.started["frontend-green"] = C
    engine.ids["frontend:1.6.8"] = C
    proof_record.note(project, "green", "1.6.8", 8)
    noted = releases_file.read(project.state_dir).of("1.6.8")
    assert noted is not None
    assert set(noted.unchanged) == {"api-blue", "worker-blue"}
    assert noted.ids == {"frontend:1.6.8": C, "api:1.6.8": B, "worker:1.6.8": C}
    assert set(noted.images[1].services) == {"api-blue", "api-green"}
    assert releases_file.image_left(project.state_dir, "api-blue", "1.6.8") == B
    assert releases_file.image_left(project.state_dir, "frontend-blue", "1.6.8") == ""
    assert releases_file.image_left(project.state_dir, "api-blue", "1.6.7") == ""


def test_a_rollback_takes_the_new_versions_name_away_and_no_other(world: World) -> None:
    project, engine = project_of(world)
    old = Image("api:1.6.7", B, ("api-blue", "api-green"))
    new = Image("api:1.6.8", B, ("api-blue", "api-green"))
    fixed = Image("worker:stable", C, ("worker-blue", "worker-green"))
    left = ("api-blue", "worker-blue")
    releases = (
        Release("1.6.7", "2026-01-15T10:30:00Z", 7, (old, fixed)),
        Release("1.6.8", "2026-01-15T10:31:00Z", 8, (new, fixed), False, left),
    )
    releases_file.write(project.state_dir, Releases(releases))
    engine.ids |= {"api:1.6.8": B, "worker:stable": C}
    under_way(world, "api", "worker")
    release = project.state().deployment
    assert release is not None
    (step,) = proof_record.give_up(project, release)
    assert step.needed()
    step.do()
    assert engine.asked == ["rmi api:1.6.8"]
    assert not step.needed()


def test_a_release_of_everything_has_no_such_step(world: World) -> None:
    project, _ = project_of(world)
    under_way(world)
    world.put("draining", DRAIN, GREEN, "drain")
    release = project.state().deployment
    assert release is not None
    assert proof_record.give_up(project, release) == []


def test_it_is_refused_with_nothing_changed(world: World) -> None:
    project, engine = project_of(world)
    engine.needs = {"api": ["frontend"]}
    before = world.state
    with pytest.raises(Refused):
        try_to_begin(project, "frontend")
    assert world.state == before
    assert engine.asked == []


def test_a_swarm_says_that_it_leaves_nothing_unchanged_before_anything_is_asked(
    world: World, server: RedisServer
) -> None:
    project_of(world)
    with pytest.raises(Refused) as refused:
        begin(Managers(world, server, "web1").bgctl(), "frontend")
    assert (refused.value.what, refused.value.next) == ("a swarm cannot leave services unchanged", DEPLOY)

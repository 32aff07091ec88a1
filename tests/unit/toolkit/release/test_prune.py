"""`bgctl prune`: images of versions that are long gone, and nothing of anybody else."""

import json

import pytest

from tests.unit.toolkit.support.versioned import A, B, C, D, VersionedEngine, named, proven, versioned
from tests.unit.toolkit.support.worlds import CANDIDATE, NONE, READY, World
from toolkit.cli import run as bgctl
from toolkit.errors import Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.release import prune

OLDER = {"1.6.4": A, "1.6.5": B, "1.6.6": C, "1.6.7": D}


@pytest.fixture
def old(world: World) -> tuple[Project, VersionedEngine]:
    """Four versions were released, and 1.6.7 runs."""
    world.put("rest", READY, NONE)
    project, engine = versioned(world)
    engine.there.discard("frontend-green")
    for version, image_id in OLDER.items():
        proven(project, version, image_id)
        engine.ids[named(version)] = image_id
    engine.started = {"frontend-blue": D}
    return project, engine


def removed(engine: VersionedEngine) -> list[str]:
    return [call.partition(" ")[2] for call in engine.asked if call.startswith("rmi")]


def test_the_last_ones_stay_and_the_others_go(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    report = prune.run(project, keep=2)
    assert removed(engine) == [named("1.6.4"), named("1.6.5")]
    assert report.kept == ["1.6.7", "1.6.6"]
    assert [(each.version, each.name) for each in report.removed] == [
        ("1.6.4", named("1.6.4")),
        ("1.6.5", named("1.6.5")),
    ]
    engine.asked.clear()
    assert prune.run(project, keep=2).removed == []
    assert engine.asked == []
    assert releases_file.read(project.state_dir).of("1.6.4") is not None, "a registry may have it still"


def test_a_dry_run_removes_nothing(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    assert len(prune.run(project, keep=1, dry_run=True).removed) == 3
    assert engine.asked == []


def test_what_a_release_or_a_rollback_needs_stays(world: World, old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    world.put("candidate", {**READY, "version": "1.6.4"}, {**CANDIDATE, "version": "1.6.5"})
    document = world.state
    document["deployment"] |= {"from": "1.6.4", "to": "1.6.5"}
    project.state_path.write_text(json.dumps(document))
    assert set(prune.run(project, keep=1).kept) == {"1.6.7", "1.6.4", "1.6.5"}
    assert removed(engine) == [named("1.6.6")]


def test_the_version_before_stays(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    line = {"at": "2026-01-15T10:30:00Z", "who": "ops", "command": "promote", "what": "promote"}
    rest = {"from": "1.6.4", "to": "1.6.7", "generation": 7, "seconds": 1, "outcome": "done", "why": ""}
    project.history_path.write_text(json.dumps(line | rest) + "\n")
    assert "1.6.4" in prune.run(project, keep=1).kept
    assert named("1.6.4") not in removed(engine)


def test_what_a_container_uses_or_somebody_has_moved_stays(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    engine.there.add("somebodys")
    engine.started["somebodys"] = A
    engine.ids[named("1.6.5")] = "e" * 64
    engine.ids["somebody:else"] = C
    report = prune.run(project, keep=1)
    assert removed(engine) == [named("1.6.6")], "only our name of it goes"
    assert "somebody:else" in engine.ids
    assert [(each.name, each.left) for each in report.left] == [(named("1.6.4"), "in use by somebodys")]


def test_the_containers_of_old_migrations_go(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    engine.ran = ["1.6.4", "1.6.7"]
    report = prune.run(project, keep=1)
    assert engine.ran == ["1.6.7"]
    assert ("1.6.4", "container") in {(each.version, each.kind) for each in report.removed}


def test_a_digest_that_is_a_name_of_its_own_goes_too(old: tuple[Project, VersionedEngine]) -> None:
    project, engine = old
    digest = "r.example/shop@sha256:" + "0" * 64
    proven(project, "1.6.4", A, digest)
    proven(project, "1.6.7", D)
    engine.ids[digest] = A
    prune.run(project, keep=1)
    assert digest in removed(engine)


def test_an_engine_that_refuses_is_quoted(
    old: tuple[Project, VersionedEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    project, engine = old

    def refuses(name: str) -> None:
        raise Refused("rmi failed", "conflict: it is in use")

    monkeypatch.setattr(engine, "remove_image", refuses)
    report = prune.run(project, keep=3)
    assert [each.left for each in report.left] == ["rmi failed: conflict: it is in use"]


def test_nothing_was_ever_released(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.put("rest", READY, NONE)
    (world.root / "state" / "engine").write_text("docker\n")
    project, _ = versioned(world)
    assert prune.run(project).removed == []
    assert bgctl(["--project", str(world.root), "prune", "--keep", "0"]) == 2
    assert "Usage" in capsys.readouterr().err

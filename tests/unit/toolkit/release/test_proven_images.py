"""What was proven is what is promoted, whatever the names of the images have come to mean (threat 98)."""

import pytest

from tests.unit.toolkit.support.engines import Listening
from tests.unit.toolkit.support.versioned import A, B, C, VersionedEngine, named, proven, versioned
from tests.unit.toolkit.support.worlds import CANDIDATE, GREEN, NONE, OUT, READY, World
from toolkit.errors import Failed, Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.release import promote, rollback, up, up_green

pytestmark = pytest.mark.whole

OLD, NEW = named("1.6.7"), named("1.6.8")
DIGEST = "r.example/shop@sha256:" + "0" * 64


def draining(world: World) -> tuple[Project, VersionedEngine]:
    """1.6.8 was proven on green with image B, and blue is empty."""
    world.put("draining", {**READY, "state": "drain", "weight": 0}, GREEN, "drain")
    project, engine = versioned(world)
    engine.ids = {OLD: A, NEW: B}
    engine.started = {"frontend-blue": A, "frontend-green": B}
    proven(project, "1.6.8", B)
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.8\n")
    return project, engine


def resting(world: World, ui: Listening | None = None) -> tuple[Project, VersionedEngine]:
    world.put("rest", READY, NONE)
    project, engine = versioned(world, ui)
    engine.ids = {OLD: A, NEW: B}
    engine.started = {"frontend-blue": A}
    engine.there.discard("frontend-green")
    world.serve(world.green, "nothing yet")
    (world.root / ".env").write_text("CURRENT_VERSION=1.6.7\nVERSION=1.6.7\n")
    return project, engine


def test_a_candidate_is_noted_with_what_its_container_runs(world: World) -> None:
    project, engine = resting(world)
    engine.digests = {DIGEST: B}
    up_green.run(project, "1.6.8")
    noted = releases_file.read(project.state_dir).of("1.6.8")
    assert noted is not None
    assert noted.generation == world.state["generation"]
    (image,) = noted.images
    assert (image.name, image.id, image.digests) == (NEW, B, (DIGEST,))
    assert set(image.services) == {"frontend-blue", "frontend-green"}


@pytest.mark.threat(98)
def test_98_blue_gets_the_proven_image_when_the_name_has_moved(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = draining(world)
    engine.ids[NEW] = C
    engine.ids["other:name"] = B
    promote.run(project)
    assert engine.started["frontend-blue"] == B
    assert f"tag {B} {NEW}" in engine.asked
    said = capsys.readouterr().out
    assert f"{NEW} was another image by now ({C[:12]}), and is again the one that was proven" in said
    assert world.state["slots"]["blue"]["version"] == "1.6.8"


@pytest.mark.threat(98)
def test_98_a_name_that_has_not_moved_is_not_spoken_of(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    project, engine = draining(world)
    promote.run(project)
    assert not [call for call in engine.asked if call.startswith("tag")]
    assert "proven" not in capsys.readouterr().out


@pytest.mark.threat(98)
def test_98_an_image_that_is_gone_is_pulled_by_its_digest(world: World) -> None:
    project, engine = draining(world)
    engine.ids = {OLD: A, NEW: C}
    engine.digests = {DIGEST: B}
    engine.registry = {DIGEST}
    proven(project, "1.6.8", B, DIGEST)
    promote.run(project)
    assert engine.asked[:2] == [f"pull {DIGEST}", f"tag {DIGEST} {NEW}"]
    assert engine.started["frontend-blue"] == B


@pytest.mark.threat(98)
def test_98_where_the_proven_image_is_gone_nothing_is_promoted(world: World) -> None:
    project, engine = draining(world)
    engine.ids = {OLD: A, NEW: C}
    with pytest.raises(
        Refused, match=r"the image bbbbbbbbbbbb with which 1\.6\.8 was proven is gone"
    ) as caught:
        promote.run(project)
    assert caught.value.next == "bgctl rollback, then: bgctl deploy 1.6.8"
    assert engine.asked == []
    assert world.state["phase"] == "draining"


@pytest.mark.threat(98)
def test_98_a_digest_that_cannot_be_pulled_says_why_and_what_next(world: World) -> None:
    project, engine = draining(world)
    engine.ids = {OLD: A, NEW: C}
    proven(project, "1.6.8", B, DIGEST)
    with pytest.raises(Refused, match="could not be pulled: unauthorized") as caught:
        promote.run(project)
    assert caught.value.next == "docker login r.example"
    assert world.state["phase"] == "draining"


@pytest.mark.threat(98)
def test_98_a_start_that_pulls_another_image_is_no_promotion(world: World) -> None:
    project, engine = draining(world)
    engine.pulls = {NEW: C}
    with pytest.raises(Failed, match=r"frontend-blue runs another image than 1\.6\.8 was proven with"):
        promote.run(project)
    assert "frontend-blue" not in engine.there, "it is stopped again"
    assert world.state["slots"]["green"]["state"] == "ready"


@pytest.mark.threat(98)
def test_98_another_name_that_is_another_image_was_not_proven(world: World) -> None:
    project, engine = draining(world)
    release = releases_file.read(project.state_dir)
    text = (project.state_dir / "releases.json").read_text().replace(NEW, "old.example/shop:1.6.8")
    (project.state_dir / "releases.json").write_text(text)
    promote_check = lambda: promote.run(project, dry_run=True)  # noqa: E731
    promote_check()  # the same image under another name
    engine.ids[NEW] = C
    with pytest.raises(Refused, match=rf"1\.6\.8 was not proven with {NEW}"):
        promote_check()
    assert release.of("1.6.8") is not None


@pytest.mark.threat(98)
def test_98_a_rollback_starts_blue_as_it_was_proven(world: World) -> None:
    project, engine = draining(world)
    world.put("promoting", OUT, GREEN, "retire-blue")
    engine.there.discard("frontend-blue")
    world.blue.answers.clear()
    proven(project, "1.6.7", A)
    engine.ids = {OLD: C, NEW: B, "kept": A}
    rollback.run(project)
    assert engine.started["frontend-blue"] == A
    assert world.state["phase"] == "rest"


@pytest.mark.threat(98)
def test_98_a_rollback_without_its_image_is_refused_before_anything(world: World) -> None:
    project, engine = draining(world)
    world.put("promoting", OUT, GREEN, "retire-blue")
    world.blue.answers.clear()
    proven(project, "1.6.7", A)
    engine.ids = {OLD: C, NEW: B}
    with pytest.raises(Refused, match="aaaaaaaaaaaa") as caught:
        rollback.run(project)
    assert "bgctl promote" in caught.value.next
    assert engine.asked == []


@pytest.mark.threat(98)
def test_98_a_candidate_that_died_starts_as_it_was_proven(world: World) -> None:
    project, engine = draining(world)
    world.put("candidate", READY, CANDIDATE)
    engine.there.discard("frontend-green")
    world.serve(world.green, "nothing")
    engine.ids |= {NEW: C, "kept": B}
    up_green.run(project, "1.6.8")
    assert engine.started["frontend-green"] == B


def test_at_rest_a_version_is_proven_anew(world: World) -> None:
    project, engine = resting(world)
    proven(project, "1.6.8", B)
    engine.ids |= {NEW: C, "kept": B}
    up_green.run(project, "1.6.8")
    assert engine.started["frontend-green"] == C
    noted = releases_file.read(project.state_dir).of("1.6.8")
    assert noted is not None and noted.ids == {NEW: C}


@pytest.mark.threat(98)
def test_98_up_brings_slots_back_as_they_were_proven(world: World) -> None:
    project, engine = resting(world)
    proven(project, "1.6.7", A)
    engine.there.clear()
    world.blue.answers.clear()
    engine.ids = {OLD: C, "kept": A}
    note = up.start_as_proven(project, "blue", "1.6.7", 7)
    assert engine.started["frontend-blue"] == A
    assert "is again the one that was proven" in note


def test_up_starts_what_there_is_where_the_proven_image_is_gone(world: World) -> None:
    ui = Listening()
    project, engine = resting(world, ui)
    proven(project, "1.6.7", A)
    engine.there.clear()
    world.blue.answers.clear()
    engine.ids = {OLD: C}
    up.start_as_proven(project, "blue", "1.6.7", 8)
    assert engine.started["frontend-blue"] == C
    assert any("blue starts on what has that name now" in said for said in ui.warned)
    noted = releases_file.read(project.state_dir).of("1.6.7")
    assert noted is not None and noted.ids == {OLD: C}


def test_up_notes_what_nothing_is_known_of(world: World) -> None:
    project, engine = resting(world)
    up.start_as_proven(project, "blue", "1.6.7", 3)
    noted = releases_file.read(project.state_dir).of("1.6.7")
    assert noted is not None and (noted.ids, noted.generation) == ({OLD: A}, 3)
    assert engine.asked == []


def test_a_broken_file_keeps_nobody_from_coming_back(world: World) -> None:
    project, engine = draining(world)
    ui = Listening()
    project.ui = ui
    (project.state_dir / "releases.json").write_text("{")
    promote.run(project)
    assert world.state["slots"]["blue"]["version"] == "1.6.8"
    assert any("releases.json cannot be used" in said for said in ui.warned)
    assert engine.started["frontend-blue"] == B

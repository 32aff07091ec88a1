"""A change from one manager is made with the files of the last one, or it says which are not the same."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.session_api.support.agents import KEYS
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.toolkit.support.clusters import report, state
from tests.unit.toolkit.support.managers import Managers
from tests.unit.toolkit.support.worlds import World
from toolkit.errors import Failed, Refused
from toolkit.observe import hosts
from toolkit.project import Project
from toolkit.release import deploy_plan, restart, same_files, up
from toolkit.release.deploy_plan import Plan
from toolkit.release.drain import Watch
from toolkit.release.remaining import DrainTerms

pytestmark = pytest.mark.whole
NODE = "web1"


class Two:
    """The first manager has brought generation 1 into force; `second` has a copy of its folder."""

    def __init__(self, world: World, server: RedisServer, folder: Path) -> None:
        self.managers, self.server = Managers(world, server, NODE), server
        self.first = world.root
        self.up(self.first, generation=1)
        self.second = self.managers.another(folder)
        with server.client() as client:
            report(client, NODE, 1, 1)

    def up(self, folder: Path, generation: int | None = None) -> None:
        """What every change that starts something does, with nothing to start."""
        project = self.managers.bgctl(folder)
        with project.change("up"):
            same_files.check(project)
            with same_files.brought(project):
                if generation:
                    project.save(state(generation))

    def differing(self, folder: Path) -> list[str]:
        found = same_files.differing(self.managers.bgctl(folder))
        return found[1] if found else []


@pytest.fixture
def two(world: World, server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Two:
    return Two(world, server, tmp_path_factory.mktemp("second") / "shop")


def edit(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text)


def test_the_same_files_are_those_of_both(two: Two) -> None:
    assert two.differing(two.second) == []
    two.up(two.second)
    edit(two.first / "compose.yaml", "# more\n")
    two.up(two.first)  # who has brought them first may go on to edit them


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bgctl.toml", "\n# other settings\n"),
        ("compose.yaml", "\n# other services\n"),
        ("compose.override.yaml", "services: {}\n"),
        (".env", "\nFLAVOUR=mild\n"),
        ("keys/verify/keyring.json", "\n"),
        ("keys/settings/settings.key", "0"),
    ],
)
def test_a_file_that_is_another_one_is_named_wherever_it_is(two: Two, name: str, text: str) -> None:
    path = two.first / name
    path.write_text((path.read_text() if path.exists() else "") + text)
    two.up(two.first)
    assert two.differing(two.second) == [name]
    assert two.differing(two.first) == []


def test_versions_are_no_other_file_for_bgctl_writes_them(two: Two) -> None:
    edit(two.first / ".env", "\nTAG=${VERSION}\n")
    edit(two.second / ".env", "\nTAG=${VERSION}\nVERSION=9.9\nCURRENT_VERSION=9.8\n")
    two.up(two.first)
    assert two.differing(two.second) == []


def test_a_certificate_that_was_renewed_is_one(two: Two) -> None:
    for folder in (two.first, two.second):
        path = folder / "bgctl.toml"
        text = path.read_text().replace('unavailable_page = ""', 'unavailable_page = "sorry.html"', 1)
        path.write_text(text)
        (folder / "sorry.html").write_text(f"of {folder.name}")
    two.up(two.first)
    assert two.differing(two.second) == ["sorry.html"]


@pytest.mark.parametrize(
    "change",
    [
        up.run,
        lambda project: deploy_plan.check(project, project.state(), Plan("1.6.8", Watch(DrainTerms()))),
        lambda project: restart.check(project, project.state(), "1.6.7", build=False, pull=False),
    ],
    ids=["up", "deploy", "restart"],
)
def test_a_change_with_older_files_is_refused_and_nothing_is_changed(
    two: Two, change: Callable[[Project], None]
) -> None:
    edit(two.first / "compose.yaml", "\n# newer\n")
    two.up(two.first)
    with two.server.client() as client:
        before = {key: client.get(key) for key in (KEYS.document, KEYS.files)}
        project = two.managers.bgctl(two.second, "up")
        with pytest.raises(Refused, match=r"compose\.yaml is not the one of the last change") as caught:
            change(project)
        assert str(two.first) in caught.value.why
        assert "bgctl up --these-files" in caught.value.next
        assert {key: client.get(key) for key in before} == before
    assert two.managers.engine.asked == []


def test_doctor_names_them(two: Two) -> None:
    edit(two.first / "compose.yaml", "\n# newer\n")
    two.up(two.first)
    (problem,) = hosts.file_problems(two.managers.bgctl(two.second))
    assert "compose.yaml is not the one of the last change: that was 'bgctl up' by" in str(problem)
    assert same_files.told(two.managers.bgctl(two.second)) == str(problem)
    assert same_files.told(two.managers.bgctl(two.first)) is None


def test_what_fails_half_way_counts_and_what_is_refused_does_not(two: Two) -> None:
    edit(two.first / "compose.yaml", "\n# half\n")
    project = two.managers.bgctl(two.first)
    with pytest.raises(Refused), project.change("up"), same_files.brought(project):
        raise Refused("a port is taken")
    assert two.differing(two.second) == []
    with pytest.raises(Failed), project.change("up"), same_files.brought(project):
        raise Failed("blue is not healthy")
    assert two.differing(two.second) == ["compose.yaml"]


def test_no_value_is_in_redis(two: Two) -> None:
    edit(two.first / ".env", "\nPASSWORD=mellon\n")
    two.up(two.first)
    with two.server.client() as client:
        text = client.get(KEYS.files)
    assert "mellon" not in text
    prints = json.loads(text)["prints"]
    edit(two.first / "keys/settings/settings.key", "1")
    two.up(two.first)
    with two.server.client() as client:
        again = json.loads(client.get(KEYS.files))["prints"]
    assert prints.keys() == again.keys()
    assert not set(prints.values()) & set(again.values()), "each is keyed"


def test_keys_are_not_rotated_from_old_ones(two: Two) -> None:
    """They would be those of the last change but one, with a new one that no other manager has."""
    from toolkit.commands import keys_import

    edit(two.first / "keys/verify/keyring.json", "\n")
    two.up(two.first)
    project = two.managers.bgctl(two.second, "keys rotate")
    with pytest.raises(Refused, match=r"keys/verify/keyring\.json"), keys_import.writing(project, "keys"):
        pass

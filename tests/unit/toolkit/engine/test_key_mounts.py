"""Compose files that mount shared keys: by folders, and file by file as they once did (threat 89)."""

from pathlib import Path

import pytest

from session_api.keys import key_files, signing_keys
from tests.unit.toolkit.support.engines import FakeEngine, project_of
from tests.unit.toolkit.support.worlds import NONE, READY, ROOT, World
from toolkit import slots
from toolkit.engine import key_mounts
from toolkit.engine.compose import Compose, ComposeService
from toolkit.engine.key_mounts import Mount
from toolkit.errors import Failed, Refused
from toolkit.release import folders, up_checks

FOLDERS = {
    "proxy": ["pin", "proxy"],
    "session-api": ["service", "admin", "proxy"],
    "frontend-blue": ["service"],
}
NAME = {folder: name for name, folder in key_files.FOLDERS.items()}


def volumes(service: str, single: bool, form: str, root: Path) -> list[object]:
    """As a compose command prints them."""
    found: list[object] = ["./state:/state:ro", "data:/data"]
    for folder in FOLDERS.get(service, []):
        source = f"keys/{NAME[folder]}" if single else f"keys/{folder}"
        if form == "table":
            found.append(
                {"type": "bind", "source": f"{root}/{source}", "target": f"/{source}", "read_only": True}
            )
        else:
            found.append(f"./{source}:/{source}:ro" if form == "text" else f"{root}/{source}:/{source}:ro")
    return found


def compose(root: Path, single: bool, form: str = "text") -> Compose:
    names = ("proxy", "session-api", "frontend-blue", "frontend-green")
    return Compose(
        {name: ComposeService("x:1", "host", volumes=volumes(name, single, form, root)) for name in names}
    )


def mounts(found: Compose, root: Path) -> list[Mount]:
    return list(key_mounts.of(found, root, root / "keys"))


def put_former(keys: Path) -> None:
    signing_keys.create(keys)
    for name in key_files.NAMES:
        key_files.place(keys, name).rename(key_files.former_place(keys, name))


@pytest.mark.threat(89)
@pytest.mark.parametrize("form", ["text", "absolute", "table"])
@pytest.mark.parametrize("single", [True, False])
def test_89_mounts_are_found_in_every_form(tmp_path: Path, form: str, single: bool) -> None:
    found = {
        (each.service, each.name, each.single) for each in mounts(compose(tmp_path, single, form), tmp_path)
    }
    assert found == {(name, NAME[each], single) for name, folders in FOLDERS.items() for each in folders}


@pytest.mark.threat(89)
def test_89_the_compose_file_here_mounts_folders_and_gives_nobody_more_than_it_needs() -> None:
    found = Compose.parse((ROOT / "compose" / "compose.yaml").read_text())
    seen = {
        name: {Path(source).name for source in each.mounted if "/keys" in source}
        for name, each in found.services.items()
    }
    assert {name: each for name, each in seen.items() if each} == {
        "proxy": {"verify", "pin", "proxy"},
        "session-api": {"verify", "signing", "service", "admin", "proxy"},
        "frontend-blue": {"service"},
        "frontend-green": {"service"},
    }


PATH = ROOT / "compose" / "compose.yaml"


@pytest.mark.threat(89)
def test_89_a_single_file_that_is_not_there_is_refused_with_what_to_write(tmp_path: Path) -> None:
    signing_keys.create(tmp_path / "keys")
    with pytest.raises(Refused) as caught:
        key_mounts.check(mounts(compose(tmp_path, True), tmp_path), tmp_path / "keys", [PATH], moves=True)
    line = next(n for n, text in enumerate(PATH.read_text().splitlines(), 1) if text.strip() == "volumes:")
    assert str(caught.value).startswith(f"compose.yaml:{line}: proxy mounts the file keys/")
    for key, folder in (("pin.secret", "pin"), ("proxy.key", "proxy")):
        mend = f"write ./keys/{folder}:/keys/{folder}:ro in place of ./keys/{key}:/keys/{key}:ro"
        assert f"next: {mend}" in caught.value.detail


@pytest.mark.threat(89)
def test_89_single_files_that_are_there_go_on_working(tmp_path: Path) -> None:
    put_former(tmp_path / "keys")
    found = mounts(compose(tmp_path, True), tmp_path)
    key_mounts.check(found, tmp_path / "keys", [PATH])
    advice = key_mounts.advice(found, [PATH])
    assert (
        "write ./keys/service:/keys/service:ro in place of ./keys/service.key:/keys/service.key:ro" in advice
    )


@pytest.mark.threat(89)
def test_89_a_folder_without_its_key_waits_for_up(tmp_path: Path) -> None:
    """Or the engine would make an empty folder, and the app would run without its key."""
    put_former(tmp_path / "keys")
    found = mounts(compose(tmp_path, False), tmp_path)
    key_mounts.check(found, tmp_path / "keys", [PATH], moves=True)
    with pytest.raises(Refused) as caught:
        key_mounts.check(found, tmp_path / "keys", [PATH])
    assert caught.value.next == "bgctl up"


class Mounting(FakeEngine):
    single = False

    def compose(self, env: object) -> Compose:
        return compose(self.world.root, self.single)


@pytest.mark.threat(89)
@pytest.mark.parametrize("single", [True, False])
def test_89_up_gives_keys_their_folders_and_older_compose_files_go_on_working(
    world: World, single: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    world.put("rest", READY, NONE)
    project, _ = project_of(world)
    engine = Mounting(world)
    engine.single, project.__dict__["engine"] = single, engine
    (world.root / "keys" / "admin.key").unlink()
    put_former(project.keys_dir)
    held = project.secret_path("pin.secret").read_text()
    up_checks.check(project, project.state(), pull=False)
    assert folders.keys_wanted(project)
    assert folders.make_keys(project) == "moved pin.secret, service.key, admin.key, proxy.key in keys/"
    assert not folders.keys_wanted(project)
    assert project.secret_path("pin.secret") == key_files.place(project.keys_dir, "pin.secret")
    assert project.secret_path("pin.secret").read_text() == held
    assert ("a key that is replaced is not noticed" in capsys.readouterr().err) is single
    up_checks.check(project, project.state(), pull=False)
    slots.check_slot_images(project, "blue", "1.6.7", pull=False)


@pytest.mark.threat(89)
def test_89_a_folder_that_cannot_be_made_is_told(world: World) -> None:
    world.put("rest", READY, NONE)
    project, _ = project_of(world)
    (world.root / "keys" / "admin.key").unlink()
    put_former(project.keys_dir)
    key_files.place(project.keys_dir, "pin.secret").parent.rmdir()
    key_files.place(project.keys_dir, "pin.secret").parent.write_text("in the way")
    with pytest.raises(Failed, match="could not be written") as caught:
        folders.make_keys(project)
    assert caught.value.next == "bgctl doctor"

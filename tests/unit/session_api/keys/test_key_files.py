"""Where shared keys lie, and how they move into their folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from session_api.keys import key_files, shared_keys, signing_keys
from session_api.keys.keyring import Keyring
from tests.unit.session_api.support.data import NOW
from tests.unit.session_api.support.key_folders import former


@pytest.mark.threat(89)
def test_89_create_gives_what_lay_there_before_its_folder(new_keys: Path) -> None:
    (new_keys / "verify" / "keyring.json").unlink()
    held = former(new_keys)
    signing_keys.create(new_keys, now=NOW)
    assert {name: key_files.place(new_keys, name).read_text() for name in key_files.NAMES} == held


@pytest.mark.threat(89)
def test_89_keys_from_before_are_used_where_they_lie(new_keys: Path) -> None:
    held = former(new_keys)
    assert Keyring(new_keys).admin_key == held["admin.key"].encode().strip()
    assert shared_keys.missing(new_keys) == []
    assert key_files.unmoved(new_keys) == list(key_files.NAMES)


@pytest.mark.threat(89)
def test_89_keys_from_before_move_into_folders(new_keys: Path) -> None:
    held = former(new_keys)
    keys = Keyring(new_keys)
    key_files.former_place(new_keys, "pin.secret").rename(new_keys / "aside")
    assert shared_keys.move(new_keys) == ["service.key", "admin.key", "proxy.key"]
    (new_keys / "aside").rename(key_files.former_place(new_keys, "pin.secret"))
    assert shared_keys.move(new_keys) == ["pin.secret"], "what was cut short goes on"
    assert shared_keys.move(new_keys) == []
    assert {name: key_files.place(new_keys, name).read_text() for name in key_files.NAMES} == held
    assert keys.admin_key == held["admin.key"].encode().strip()
    for name in key_files.NAMES:
        assert key_files.place(new_keys, name).parent.stat().st_mode & 0o777 == 0o750
        assert key_files.former_place(new_keys, name).readlink() == Path(key_files.FOLDERS[name]) / name


@pytest.mark.threat(89)
@pytest.mark.parametrize("folder", ["", "admin"])
def test_89_keys_that_may_not_be_looked_for_are_named(new_keys: Path, folder: str) -> None:
    """By a user who may not go into their folder: that is no missing key, and no bug."""
    program = f"""
import os, sys
sys.path.insert(0, {str(Path(key_files.__file__).parents[2])!r})
from pathlib import Path
from session_api.keys import document, key_files, keyring
keys = Path("keys")
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
print(key_files.find(keys, "admin.key"))
try:
    keyring.Keyring(keys)
except document.KeyringError as error:
    print("cannot be read" in error.what)
"""
    if os.getuid() == 0:
        for path in (new_keys, *new_keys.rglob("*")):
            os.chown(path, 65534, -1)
    (new_keys / folder).chmod(0)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=new_keys.parent, capture_output=True, text=True, check=False
    )
    (new_keys / folder).chmod(0o750)
    assert (done.stdout.splitlines(), done.stderr) == (["keys/admin/admin.key", "True"], "")


class Killed(BaseException):
    """What ends a program between two steps."""


@pytest.mark.threat(89)
@pytest.mark.parametrize("step", ["symlink_to", "replace"])
def test_89_a_move_that_was_killed_goes_on(
    new_keys: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    held = former(new_keys)

    def end(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Path, step, end)
        with pytest.raises(Killed):
            shared_keys.move(new_keys)
    assert {name: key_files.find(new_keys, name).read_text() for name in key_files.NAMES} == held
    assert key_files.half_moved(new_keys) == ["pin.secret"]
    assert sorted(shared_keys.move(new_keys)) == sorted(key_files.NAMES)
    assert {name: key_files.place(new_keys, name).read_text() for name in key_files.NAMES} == held
    for name in key_files.NAMES:
        assert key_files.former_place(new_keys, name).readlink() == Path(key_files.FOLDERS[name]) / name
    assert shared_keys.move(new_keys) == []
    assert {path.name for path in new_keys.iterdir() if path.name.startswith(".")} == set()


@pytest.mark.threat(89)
def test_89_a_key_that_was_a_link_moves_as_a_file(new_keys: Path) -> None:
    """A relative link would lead nowhere from a folder further down, and any link in a container."""
    held = former(new_keys)
    (new_keys / "kept").mkdir()
    there = key_files.former_place(new_keys, "service.key")
    there.rename(new_keys / "kept" / "mine")
    there.symlink_to("kept/mine")
    shared_keys.move(new_keys)
    here = key_files.place(new_keys, "service.key")
    assert not here.is_symlink()
    assert here.read_text() == there.read_text() == held["service.key"]
    assert here.stat().st_mode & 0o777 == 0o640
    assert shared_keys.missing(new_keys) == []

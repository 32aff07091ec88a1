"""The signing keys: made, rotated, pruned and listed."""

import os
from pathlib import Path

import pytest

from session_api.keys import listing, signing_keys
from session_api.keys.document import KeyringError
from session_api.keys.keyring import Keyring
from session_api.keys.signing_keys import KEEP
from tests.unit.session_api.support.data import ALGORITHMS, NOW
from tests.unit.session_api.support.key_folders import files, listed
from tests.unit.support import broken_disk


def test_create_writes_the_documented_files(new_keys: Path) -> None:
    assert listed(new_keys) == {
        "schema": 1,
        "sign": "k-20270115-1",
        "keys": [
            {
                "kid": "k-20270115-1",
                "alg": "EdDSA",
                "file": "k-20270115-1.pem",
                "createdAt": "2027-01-15T08:00:00Z",
            }
        ],
    }
    shared = {"pin/pin.secret", "service/service.key", "admin/admin.key", "proxy/proxy.key"}
    halves = {"verify/k-20270115-1.pem", "signing/k-20270115-1.pem"}
    assert files(new_keys) == shared | halves | {"verify/keyring.json"}
    assert len({(new_keys / name).read_text() for name in shared}) == len(shared)
    for path in (new_keys, *new_keys.rglob("*")):
        assert path.stat().st_mode & 0o777 == (0o750 if path.is_dir() else 0o640), path


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_every_algorithm_can_be_created_and_loaded(tmp_path: Path, alg: str) -> None:
    assert signing_keys.create(tmp_path / "keys", alg, now=NOW).alg == alg
    assert Keyring(tmp_path / "keys").signer(NOW).alg == alg


def test_an_existing_secret_is_taken_over_without_its_line_end(tmp_path: Path) -> None:
    secret = b"an existing JWT_SECRET of the app, long enough"
    info = signing_keys.create(tmp_path / "keys", "HS256", now=NOW, secret=secret + b"\r\n")
    key = Keyring(tmp_path / "keys").find(info.kid, NOW)
    assert key is not None
    assert key.public == secret


def test_create_never_replaces_a_keyring(new_keys: Path) -> None:
    before = listed(new_keys)
    with pytest.raises(KeyringError, match="exists already") as caught:
        signing_keys.create(new_keys, now=NOW)
    assert "bgctl keys rotate" in str(caught.value)
    assert listed(new_keys) == before


def test_create_completes_what_an_interrupted_call_left(new_keys: Path) -> None:
    (new_keys / "verify" / "keyring.json").unlink()
    (new_keys / "admin" / "admin.key").unlink()
    service_key = (new_keys / "service" / "service.key").read_text()
    signing_keys.create(new_keys, now=NOW)
    Keyring(new_keys)
    assert (new_keys / "service" / "service.key").read_text() == service_key


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner(tmp_path: Path) -> None:
    signing_keys.create(tmp_path / "keys", now=NOW, owner=(10001, 10002))
    signing_keys.rotate(tmp_path / "keys", now=NOW, owner=(10001, 10002))
    for path in (tmp_path / "keys", *(tmp_path / "keys").rglob("*")):
        assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10002), path


def test_rotate_keeps_the_old_key_for_the_window(new_keys: Path) -> None:
    added = signing_keys.rotate(new_keys, now=NOW + 100)
    assert (added.kid, added.alg, added.state) == ("k-20270115-2", "EdDSA", "signing")
    infos = listing.describe(new_keys, now=NOW + 100)
    assert [(info.kid, info.state) for info in infos] == [
        ("k-20270115-2", "signing"),
        ("k-20270115-1", "verifying"),
    ]
    assert infos[1].retire_at is not None
    assert infos[1].retire_at.timestamp() == NOW + 100 + KEEP


def test_prune_removes_what_is_past_its_time(new_keys: Path) -> None:
    signing_keys.rotate(new_keys, now=NOW)
    assert signing_keys.prune(new_keys, now=NOW + KEEP - 1) == []
    assert listing.describe(new_keys, now=NOW + KEEP)[1].state == "retired"
    assert signing_keys.prune(new_keys, now=NOW + KEEP) == ["k-20270115-1"]
    assert {name for name in files(new_keys) if ".pem" in name} == {
        "verify/k-20270115-2.pem",
        "signing/k-20270115-2.pem",
    }
    assert signing_keys.prune(new_keys, now=NOW + KEEP) == []


def test_rotate_prunes_and_never_uses_a_kid_again(new_keys: Path) -> None:
    signing_keys.rotate(new_keys, now=NOW)
    later = signing_keys.rotate(new_keys, now=NOW + KEEP)
    assert [info.kid for info in listing.describe(new_keys, now=NOW + KEEP)] == [later.kid, "k-20270115-2"]


def test_prune_leaves_files_alone_that_are_not_ours(new_keys: Path) -> None:
    (new_keys / "verify" / "theirs.pem").write_text("not named yet")
    (new_keys / "verify" / "k-20270115-7.pem").write_text("left by an interrupted rotation")
    signing_keys.prune(new_keys, now=NOW)
    assert "verify/theirs.pem" in files(new_keys)
    assert "verify/k-20270115-7.pem" not in files(new_keys)


def test_a_failed_write_leaves_the_keyring_as_it_was(new_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = listed(new_keys)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            signing_keys.rotate(new_keys, now=NOW)
    assert listed(new_keys) == before
    signing_keys.rotate(new_keys, now=NOW)
    assert not [name for name in files(new_keys) if name.endswith((".new", ".tmp"))]


@pytest.mark.threat(43)
def test_43_a_folder_that_cannot_be_synced_ends_no_rotation(
    new_keys: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is renamed is in force: half a rotation would be worse than one that a power cut could undo."""
    broken_disk.refuse_folders(monkeypatch)
    assert signing_keys.rotate(new_keys, now=NOW).kid == listed(new_keys)["sign"] == "k-20270115-2"
    assert "keyring.json is written, but its folder could not be synced" in caplog.text


def test_wrong_wishes(new_keys: Path) -> None:
    with pytest.raises(KeyringError, match="choose one of EdDSA, ES256, RS256, HS256"):
        signing_keys.rotate(new_keys, "HS512", now=NOW)
    with pytest.raises(KeyringError, match="a secret cannot become a key for ES256"):
        signing_keys.rotate(new_keys, "ES256", now=NOW, secret=b"s" * 40)

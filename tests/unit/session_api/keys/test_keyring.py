"""The keys in memory follow those on disk."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from session_api.keys import key_files, signing_keys
from session_api.keys.keyring import SETTLE, Keyring
from tests.unit.session_api.support.data import NOW, ROOT
from tests.unit.session_api.support.key_folders import edit


def test_a_new_key_signs_once_every_proxy_can_know_it(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    assert keys.signer(NOW).kid == "k-20270115-1"  # the first has no elder to lean on
    signing_keys.rotate(new_keys, now=NOW + 100)
    signing_keys.rotate(new_keys, now=NOW + 101)
    assert keys.signer(NOW + 101).kid == "k-20270115-1"
    assert keys.find("k-20270115-3", NOW + 101)
    assert keys.signer(NOW + 100 + SETTLE).kid == "k-20270115-2"
    assert keys.signer(NOW + 101 + SETTLE).kid == "k-20270115-3"


def test_a_third_partys_public_key_verifies_and_never_signs(new_keys: Path) -> None:
    pem = ec.generate_private_key(ec.SECP256R1()).public_key()
    path = new_keys / "verify" / "theirs.pem"
    path.write_bytes(pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    entry = {"kid": "theirs", "alg": "ES256", "file": "theirs.pem", "createdAt": "2020-01-01T00:00:00Z"}
    edit(new_keys, lambda text: text["keys"].append(entry))
    keys = Keyring(new_keys)
    assert keys.find("theirs", NOW)
    assert keys.signer(NOW).kid == "k-20270115-1"


@pytest.mark.threat(19)
def test_19_a_change_is_seen_at_the_next_use(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    signing_keys.rotate(new_keys, now=NOW)
    assert keys.find("k-20270115-2", NOW)
    (new_keys / "service" / "service.key").write_text("x" * 40 + "\r\n")
    assert keys.service_key == b"x" * 40


SHARED = {"service.key": "service_key", "admin.key": "admin_key", "proxy.key": "proxy_key"}


@pytest.mark.threat(89)
@pytest.mark.parametrize(("name", "attribute"), SHARED.items())
def test_89_a_shared_key_that_is_replaced_by_rename_is_seen_at_once(
    new_keys: Path, name: str, attribute: str
) -> None:
    keys = Keyring(new_keys)
    before, path = getattr(keys, attribute), key_files.place(new_keys, name)
    for content, expected in (("", before), ("z" * 40 + "\n", b"z" * 40)):
        path.with_suffix(".new").write_text(content)
        path.with_suffix(".new").chmod(0o640)
        path.with_suffix(".new").replace(path)
        assert getattr(keys, attribute) == expected
        assert bool(keys.error) is (not content)


def test_a_bad_change_leaves_the_last_good_keys_in_use(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    path = new_keys / "verify" / "keyring.json"
    good = path.read_text()
    for bad in ("", "{", "null", good[:-10], good.replace('"schema": 1', '"schema": 2')):
        path.write_text(bad)
        assert keys.find("k-20270115-1", NOW), bad
        assert keys.error is not None
        assert "keyring.json" in keys.error.what
    path.unlink()
    assert keys.signer(NOW).kid == "k-20270115-1"
    path.write_text(good)
    assert keys.error is None


def test_bgctl_can_import_this_without_the_web_framework() -> None:
    heavy = {"falcon", "jwt", "structlog"}
    code = f"import sys, session_api.keys.keyring; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""The keys directory: made, rotated, pruned, listed, and refused when it is not safe."""

import json
import os
import stat
import subprocess
import sys
from base64 import encodebytes
from pathlib import Path

import pytest
from api_support import ALGORITHMS, NOW, ROOT
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from session_api import key_files, keyring
from session_api.keyring import KEEP, SETTLE, Keyring, KeyringError


@pytest.fixture
def new_keys(tmp_path: Path) -> Path:
    directory = tmp_path / "new" / "keys"
    keyring.create(directory, now=NOW)
    return directory


def document(directory: Path) -> dict:
    return json.loads((directory / "verify" / "keyring.json").read_text())


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def test_create_writes_the_documented_files(new_keys: Path) -> None:
    assert document(new_keys) == {
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
    assert keyring.create(tmp_path / "keys", alg, now=NOW).alg == alg
    assert Keyring(tmp_path / "keys").signer(NOW).alg == alg


def test_an_existing_secret_is_taken_over_without_its_line_end(tmp_path: Path) -> None:
    secret = b"an existing JWT_SECRET of the app, long enough"
    info = keyring.create(tmp_path / "keys", "HS256", now=NOW, secret=secret + b"\r\n")
    assert Keyring(tmp_path / "keys").find(info.kid, NOW).public == secret


def test_create_never_replaces_a_keyring(new_keys: Path) -> None:
    before = document(new_keys)
    with pytest.raises(KeyringError, match="exists already") as caught:
        keyring.create(new_keys, now=NOW)
    assert "bgctl keys rotate" in str(caught.value)
    assert document(new_keys) == before


def test_create_completes_what_an_interrupted_call_left(new_keys: Path) -> None:
    (new_keys / "verify" / "keyring.json").unlink()
    (new_keys / "admin" / "admin.key").unlink()
    service_key = (new_keys / "service" / "service.key").read_text()
    keyring.create(new_keys, now=NOW)
    Keyring(new_keys)
    assert (new_keys / "service" / "service.key").read_text() == service_key


@pytest.mark.threat(89)
def test_89_create_gives_what_lay_there_before_its_folder(new_keys: Path) -> None:
    (new_keys / "verify" / "keyring.json").unlink()
    held = former(new_keys)
    keyring.create(new_keys, now=NOW)
    assert {name: key_files.place(new_keys, name).read_text() for name in key_files.NAMES} == held


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner(tmp_path: Path) -> None:
    keyring.create(tmp_path / "keys", now=NOW, owner=(10001, 10002))
    keyring.rotate(tmp_path / "keys", now=NOW, owner=(10001, 10002))
    for path in (tmp_path / "keys", *(tmp_path / "keys").rglob("*")):
        assert (path.stat().st_uid, path.stat().st_gid) == (10001, 10002), path


def test_rotate_keeps_the_old_key_for_the_window(new_keys: Path) -> None:
    added = keyring.rotate(new_keys, now=NOW + 100)
    assert (added.kid, added.alg, added.state) == ("k-20270115-2", "EdDSA", "signing")
    infos = keyring.describe(new_keys, now=NOW + 100)
    assert [(info.kid, info.state) for info in infos] == [
        ("k-20270115-2", "signing"),
        ("k-20270115-1", "verifying"),
    ]
    assert infos[1].retire_at.timestamp() == NOW + 100 + KEEP


def test_a_new_key_signs_once_every_proxy_can_know_it(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    assert keys.signer(NOW).kid == "k-20270115-1"  # the first has no elder to lean on
    keyring.rotate(new_keys, now=NOW + 100)
    keyring.rotate(new_keys, now=NOW + 101)
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


def test_prune_removes_what_is_past_its_time(new_keys: Path) -> None:
    keyring.rotate(new_keys, now=NOW)
    assert keyring.prune(new_keys, now=NOW + KEEP - 1) == []
    assert keyring.describe(new_keys, now=NOW + KEEP)[1].state == "retired"
    assert keyring.prune(new_keys, now=NOW + KEEP) == ["k-20270115-1"]
    assert {name for name in files(new_keys) if ".pem" in name} == {
        "verify/k-20270115-2.pem",
        "signing/k-20270115-2.pem",
    }
    assert keyring.prune(new_keys, now=NOW + KEEP) == []


def test_rotate_prunes_and_never_uses_a_kid_again(new_keys: Path) -> None:
    keyring.rotate(new_keys, now=NOW)
    later = keyring.rotate(new_keys, now=NOW + KEEP)
    assert [info.kid for info in keyring.describe(new_keys, now=NOW + KEEP)] == [later.kid, "k-20270115-2"]


def test_prune_leaves_files_alone_that_are_not_ours(new_keys: Path) -> None:
    (new_keys / "verify" / "theirs.pem").write_text("not named yet")
    (new_keys / "verify" / "k-20270115-7.pem").write_text("left by an interrupted rotation")
    keyring.prune(new_keys, now=NOW)
    assert "verify/theirs.pem" in files(new_keys)
    assert "verify/k-20270115-7.pem" not in files(new_keys)


def test_a_failed_write_leaves_the_keyring_as_it_was(new_keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = document(new_keys)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            keyring.rotate(new_keys, now=NOW)
    assert document(new_keys) == before
    keyring.rotate(new_keys, now=NOW)
    assert not [name for name in files(new_keys) if name.endswith(".new")]


@pytest.mark.threat(19)
def test_19_a_change_is_seen_at_the_next_use(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    keyring.rotate(new_keys, now=NOW)
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


def former(keys: Path) -> dict[str, str]:
    """Lays the keys as they lay before they had folders; returns what is in them."""
    for name in key_files.NAMES:
        key_files.place(keys, name).rename(key_files.former_place(keys, name))
        key_files.place(keys, name).parent.rmdir()
    return {name: key_files.former_place(keys, name).read_text() for name in key_files.NAMES}


@pytest.mark.threat(89)
def test_89_keys_from_before_are_used_where_they_lie(new_keys: Path) -> None:
    held = former(new_keys)
    assert Keyring(new_keys).admin_key == held["admin.key"].encode().strip()
    assert keyring.missing(new_keys) == []
    assert key_files.unmoved(new_keys) == list(key_files.NAMES)


@pytest.mark.threat(89)
def test_89_keys_from_before_move_into_folders(new_keys: Path) -> None:
    held = former(new_keys)
    keys = Keyring(new_keys)
    key_files.former_place(new_keys, "pin.secret").rename(new_keys / "aside")
    assert keyring.move(new_keys) == ["service.key", "admin.key", "proxy.key"]
    (new_keys / "aside").rename(key_files.former_place(new_keys, "pin.secret"))
    assert keyring.move(new_keys) == ["pin.secret"], "what was cut short goes on"
    assert keyring.move(new_keys) == []
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
sys.path.insert(0, {str(Path(key_files.__file__).parents[1])!r})
from pathlib import Path
from session_api import key_files, keyring
keys = Path("keys")
if os.getuid() == 0:
    os.setresuid(65534, 65534, 65534)
print(key_files.find(keys, "admin.key"))
try:
    keyring.Keyring(keys)
except keyring.KeyringError as error:
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
            keyring.move(new_keys)
    assert {name: key_files.find(new_keys, name).read_text() for name in key_files.NAMES} == held
    assert key_files.half_moved(new_keys) == ["pin.secret"]
    assert sorted(keyring.move(new_keys)) == sorted(key_files.NAMES)
    assert {name: key_files.place(new_keys, name).read_text() for name in key_files.NAMES} == held
    for name in key_files.NAMES:
        assert key_files.former_place(new_keys, name).readlink() == Path(key_files.FOLDERS[name]) / name
    assert keyring.move(new_keys) == []
    assert {path.name for path in new_keys.iterdir() if path.name.startswith(".")} == set()


@pytest.mark.threat(89)
def test_89_a_key_that_was_a_link_moves_as_a_file(new_keys: Path) -> None:
    """A relative link would lead nowhere from a folder further down, and any link in a container."""
    held = former(new_keys)
    (new_keys / "kept").mkdir()
    there = key_files.former_place(new_keys, "service.key")
    there.rename(new_keys / "kept" / "mine")
    there.symlink_to("kept/mine")
    keyring.move(new_keys)
    here = key_files.place(new_keys, "service.key")
    assert not here.is_symlink()
    assert here.read_text() == there.read_text() == held["service.key"]
    assert here.stat().st_mode & 0o777 == 0o640
    assert keyring.missing(new_keys) == []


@pytest.mark.threat(43)
def test_43_a_folder_that_cannot_be_synced_ends_no_rotation(
    new_keys: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is renamed is in force: half a rotation would be worse than one that a power cut could undo."""
    sync = os.fsync

    def refuse(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(5, "Input/output error")
        sync(fd)

    monkeypatch.setattr(os, "fsync", refuse)
    assert keyring.rotate(new_keys, now=NOW).kid == document(new_keys)["sign"] == "k-20270115-2"
    assert "keyring.json is written, but its folder could not be synced" in caplog.text


def test_a_bad_change_leaves_the_last_good_keys_in_use(new_keys: Path) -> None:
    keys = Keyring(new_keys)
    path = new_keys / "verify" / "keyring.json"
    good = path.read_text()
    for bad in ("", "{", "null", good[:-10], good.replace('"schema": 1', '"schema": 2')):
        path.write_text(bad)
        assert keys.find("k-20270115-1", NOW), bad
        assert "keyring.json" in keys.error.what
    path.unlink()
    assert keys.signer(NOW).kid == "k-20270115-1"
    path.write_text(good)
    assert keys.error is None


def edit(directory: Path, change) -> None:
    text = document(directory)
    change(text)
    (directory / "verify" / "keyring.json").write_text(json.dumps(text))


def pems(key) -> tuple[bytes, bytes]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def put(directory: Path, alg: str, private: bytes, public: bytes) -> None:
    """Make the signing key one of `alg` with these halves."""
    name = f"k-20270115-1.{'secret' if alg == 'HS256' else 'pem'}"
    edit(directory, lambda text: text["keys"][0].update(alg=alg, file=name))
    for folder, content in (("signing", private), ("verify", public)):
        (directory / folder / name).write_bytes(content)
        (directory / folder / name).chmod(0o640)


def refusal(directory: Path) -> str:
    with pytest.raises(KeyringError) as caught:
        Keyring(directory)
    assert caught.value.next_step
    return str(caught.value)


@pytest.mark.threat(8)
def test_8_weak_rsa_keys(new_keys: Path) -> None:
    put(new_keys, "RS256", *pems(rsa.generate_private_key(65537, 1024)))
    assert "1024 bits; an odd modulus of 2048 to 16384 is needed" in refusal(new_keys)


@pytest.mark.threat(8)
def test_8_rsa_with_exponent_1(new_keys: Path) -> None:
    private, _ = pems(rsa.generate_private_key(65537, 2048))
    put(new_keys, "RS256", private, EXPONENT_1)
    assert "k-20270115-1.pem" in refusal(new_keys)


@pytest.mark.threat(9)
@pytest.mark.parametrize("length", [0, 1, 31])
def test_9_short_secrets(new_keys: Path, length: int) -> None:
    put(new_keys, "HS256", b"s" * length + b"\r\n", b"s" * length + b"\r\n")
    assert f"a secret of {length} bytes; HS256 needs at least 32" in refusal(new_keys)
    with pytest.raises(KeyringError, match="HS256 needs at least 32"):
        keyring.rotate(new_keys, "HS256", now=NOW, secret=b"s" * length)


@pytest.mark.threat(2)
def test_2_a_pem_file_is_no_secret(new_keys: Path) -> None:
    public = (new_keys / "verify" / "k-20270115-1.pem").read_bytes()
    put(new_keys, "HS256", public, public)
    assert "holds a PEM key where HS256 needs a secret" in refusal(new_keys)


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("EdDSA", ec.generate_private_key(ec.SECP256R1())),
        ("EdDSA", ed448.Ed448PrivateKey.generate()),
        ("ES256", ec.generate_private_key(ec.SECP384R1())),
        ("RS256", ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["p256-as-eddsa", "ed448", "p384", "p256-as-rsa"],
)
def test_a_key_of_the_wrong_kind(new_keys: Path, alg: str, key) -> None:
    put(new_keys, alg, *pems(key))
    assert "k-20270115-1.pem" in refusal(new_keys)


def test_halves_that_do_not_match(new_keys: Path) -> None:
    private, _ = pems(ec.generate_private_key(ec.SECP256R1()))
    _, public = pems(ec.generate_private_key(ec.SECP256R1()))
    put(new_keys, "ES256", private, public)
    assert "not halves of one key" in refusal(new_keys)


@pytest.mark.parametrize(
    "name", ["signing/k-20270115-1.pem", "service/service.key", "admin/admin.key", "proxy/proxy.key"]
)
def test_a_private_file_open_to_everyone(new_keys: Path, name: str) -> None:
    (new_keys / name).chmod(0o644)
    assert refusal(new_keys) == (
        f"{new_keys / name} is open to everyone on this machine\n  next: chmod o= {new_keys / name}"
    )


@pytest.mark.parametrize("name", ["service/service.key", "admin/admin.key", "proxy/proxy.key"])
@pytest.mark.parametrize(
    "content", ["", "x" * 31 + "\n", "x" * 40 + "\n" + "y" * 40, "x" * 20 + " " * 20, "\u00e9" * 40]
)
def test_shared_keys_that_are_none(new_keys: Path, name: str, content: str) -> None:
    (new_keys / name).write_text(content)
    assert f"{new_keys / name} must be one line of at least 32 characters, no blanks" in refusal(new_keys)


@pytest.mark.parametrize("name", ["signing/k-20270115-1.pem", "verify/k-20270115-1.pem", "admin/admin.key"])
def test_a_missing_file(new_keys: Path, name: str) -> None:
    (new_keys / name).unlink()
    assert f"{new_keys / name} cannot be read: No such file" in refusal(new_keys)


@pytest.mark.parametrize(
    "change",
    [
        {"kid": "../x"},
        {"kid": "k\n"},
        {"kid": "k" * 65},
        {"file": "../signing/k-20270115-1.pem"},
        {"file": "/etc/passwd"},
        {"alg": "none"},
        {"alg": "HS512"},
        {"createdAt": "2027-01-15T08:00:00"},
        {"createdAt": 1},
    ],
    ids=str,
)
def test_entries_that_make_no_sense(new_keys: Path, change: dict) -> None:
    edit(new_keys, lambda text: text["keys"][0].update(change))
    assert "keyring.json" in refusal(new_keys)


def test_a_keyring_that_contradicts_itself(new_keys: Path) -> None:
    good = document(new_keys)
    edit(new_keys, lambda text: text["keys"].append(good["keys"][0]))
    assert "lists a kid twice" in refusal(new_keys)
    edit(new_keys, lambda text: text.update(keys=good["keys"], sign="other"))
    assert "signs with 'other', which it does not list" in refusal(new_keys)


def test_no_keyring_at_all(tmp_path: Path) -> None:
    assert "bgctl keys init" in refusal(tmp_path)


def test_wrong_wishes(new_keys: Path) -> None:
    with pytest.raises(KeyringError, match="choose one of EdDSA, ES256, RS256, HS256"):
        keyring.rotate(new_keys, "HS512", now=NOW)
    with pytest.raises(KeyringError, match="a secret cannot become a key for ES256"):
        keyring.rotate(new_keys, "ES256", now=NOW, secret=b"s" * 40)


def test_bgctl_can_import_this_without_the_web_framework() -> None:
    code = "import sys, session_api.keyring; print(sorted({'falcon', 'jwt', 'structlog'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length]) if length < 128 else bytes([0x82, length >> 8, length & 255])
    return bytes([tag]) + size + content


def _exponent_1() -> bytes:
    """An RSA public key of 2048 bits with exponent 1, which no library agrees to make."""
    modulus = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n
    numbers = _der(0x30, _der(2, b"\0" + modulus.to_bytes(256, "big")) + _der(2, b"\1"))
    rsa_encryption = bytes.fromhex("300d06092a864886f70d0101010500")
    spki = _der(0x30, rsa_encryption + _der(3, b"\0" + numbers))
    return b"-----BEGIN PUBLIC KEY-----\n" + encodebytes(spki) + b"-----END PUBLIC KEY-----\n"


EXPONENT_1 = _exponent_1()

"""Keys and key rings that are refused, each with a reason."""

from base64 import encodebytes
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa

from session_api.keys import signing_keys
from session_api.keys.document import KeyringError
from session_api.keys.keyring import Keyring
from tests.unit.session_api.support.data import NOW
from tests.unit.session_api.support.key_folders import edit, listed, pems, put


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
        signing_keys.rotate(new_keys, "HS256", now=NOW, secret=b"s" * length)


@pytest.mark.threat(2)
def test_2_a_pem_file_is_no_secret(new_keys: Path) -> None:
    public = (new_keys / "verify" / "k-20270115-1.pem").read_bytes()
    put(new_keys, "HS256", public, public)
    assert "holds a PEM key where HS256 needs a secret" in refusal(new_keys)


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("EdDSA", ec.generate_private_key(ec.SECP256R1())),
        ("ES256", ed448.Ed448PrivateKey.generate()),
        ("ES256", ec.generate_private_key(ec.SECP384R1())),
        ("ES384", ec.generate_private_key(ec.SECP256R1())),
        ("PS256", ec.generate_private_key(ec.SECP384R1())),
        ("RS256", ec.generate_private_key(ec.SECP256R1())),
    ],
    ids=["p256-as-eddsa", "ed448", "p384", "p256-as-p384", "p384-as-rsa", "p256-as-rsa"],
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
        {"alg": "ES256K"},
        {"createdAt": "2027-01-15T08:00:00"},
        {"createdAt": 1},
    ],
    ids=str,
)
def test_entries_that_make_no_sense(new_keys: Path, change: dict[str, Any]) -> None:
    edit(new_keys, lambda text: text["keys"][0].update(change))
    assert "keyring.json" in refusal(new_keys)


def test_a_keyring_that_contradicts_itself(new_keys: Path) -> None:
    good = listed(new_keys)
    edit(new_keys, lambda text: text["keys"].append(good["keys"][0]))
    assert "lists a kid twice" in refusal(new_keys)
    edit(new_keys, lambda text: text.update(keys=good["keys"], sign="other"))
    assert "signs with 'other', which it does not list" in refusal(new_keys)


def test_no_keyring_at_all(tmp_path: Path) -> None:
    assert "bgctl keys init" in refusal(tmp_path)


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

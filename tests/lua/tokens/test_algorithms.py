"""Every algorithm: what its key has signed both programs believe, and nothing that is near it."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from session_api.keys import algorithms, app_keys, signing_keys
from tests.lua.support.both import Both
from tests.unit.session_api.support.data import NOW, b64, claims
from tests.unit.session_api.support.forge import unb64

RSA = rsa.generate_private_key(65537, 2048)
SECRET = b"a secret of the app's own, which is longer than any digest of SHA-2 is"
KEYS: dict[str, tuple[str, Any]] = {
    "Ed25519": ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    "Ed448": ("EdDSA", ed448.Ed448PrivateKey.generate()),
    "ES256": ("ES256", ec.generate_private_key(ec.SECP256R1())),
    "ES384": ("ES384", ec.generate_private_key(ec.SECP384R1())),
    "ES512": ("ES512", ec.generate_private_key(ec.SECP521R1())),
    **{alg: (alg, RSA) for alg in algorithms.OF_RSA},
    **{alg: (alg, SECRET) for alg in algorithms.SECRET_BYTES},
}
# FIPS 186-4, D.1.2: the orders of P-384 and P-521.
ORDERS = {
    "ES384": "F" * 48 + "C7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
    "ES512": "01" + "F" * 64 + "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
}


@pytest.fixture(scope="module", params=KEYS)
def signed(request, lua, tmp_path_factory):
    """(both, algorithm, key, a good token without a kid)."""
    alg, key = KEYS[request.param]
    directory = tmp_path_factory.mktemp("algorithm") / "keys"
    signing_keys.create(directory, "RS256" if alg == "EdDSA" else "EdDSA", now=NOW - 60)
    spki = PublicFormat.SubjectPublicKeyInfo
    content = key if key is SECRET else key.public_key().public_bytes(Encoding.PEM, spki)
    app_keys.trust(directory, alg, content, kid="app", now=NOW - 60)
    return Both(lua, directory), alg, key, jwt.encode(claims(), key, alg)


def test_what_a_key_has_signed_is_believed(signed):
    both, alg, key, token = signed
    for each in (token, jwt.encode(claims(), key, alg, {"kid": "app"})):
        assert both.proxy(each) == both.api(each)
        assert both.api(each)[0] == "1.6.7"


@pytest.mark.threat(1)
def test_01_a_key_is_for_one_algorithm_alone(signed):
    both, alg, key, _ = signed
    for other in {each for each, its in KEYS.values() if its is key} - {alg}:
        token = jwt.encode(claims(), key, other, {"kid": "app"})
        assert both.proxy(token) == both.api(token) == "alg"
        body = f"{b64({'alg': alg, 'kid': 'app'})}.{b64(claims())}"
        signature = jwt.get_algorithm_by_name(other).sign(body.encode(), key)
        token = f"{body}.{b64(signature)}"
        assert both.proxy(token) == both.api(token) == "signature"


@pytest.mark.threat(8)
def test_08_nothing_near_a_signature_is_one(signed):
    both, alg, _, token = signed
    body, _, segment = token.rpartition(".")
    raw = unb64(segment)
    half = len(raw) // 2
    edits = [raw[:-1], raw[1:], raw + b"\0", b"\0" + raw, raw[:half], bytes(len(raw)), b"\xff" * len(raw)]
    edits += [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in (0, 1, half, len(raw) - 1)]
    edits += [bytes(half) + raw[half:], raw[:half] + bytes(half), raw[half:] + raw[:half]]
    if alg in ORDERS:
        order = bytes.fromhex(ORDERS[alg])
        assert len(order) == half
        edits += [order + raw[half:], raw[:half] + order]
    for each in edits:
        forged = f"{body}.{b64(each)}"
        assert both.proxy(forged) == both.api(forged) == "signature", each.hex()


@pytest.mark.threat(8)
@pytest.mark.parametrize("salt", [0, 20, 31, 33, 48, 64, padding.PSS.MAX_LENGTH, padding.PSS.DIGEST_LENGTH])
@pytest.mark.parametrize("mask", [hashes.SHA256(), hashes.SHA1()], ids=lambda each: each.name)
def test_08_pss_has_the_salt_and_the_mask_of_its_digest(lua, tmp_path, salt, mask):
    """RFC 7518, section 3.5: a salt as long as the digest, and MGF1 with the same hash."""
    signing_keys.create(tmp_path / "keys", now=NOW - 60)
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    app_keys.trust(tmp_path / "keys", "PS256", pem, now=NOW - 60)
    both = Both(lua, tmp_path / "keys")
    body = f"{b64({'alg': 'PS256'})}.{b64(claims())}"
    signature = RSA.sign(body.encode(), padding.PSS(padding.MGF1(mask), salt), hashes.SHA256())
    token = f"{body}.{b64(signature)}"
    is_good = salt is padding.PSS.DIGEST_LENGTH and mask.name == "sha256"
    assert both.proxy(token) == both.api(token)
    assert (both.api(token) != "signature") is is_good

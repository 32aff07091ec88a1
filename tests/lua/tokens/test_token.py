"""Tokens: the attacks of threats 1 to 18, each refused with its reason, on real keys and real OpenSSL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from tests.lua.support.luajit import plain

NOW = 1_800_000_000
RULES = {"issuer": "bgctl", "leeway": 60, "longest": 604800}
SECRET = b"an HMAC secret of forty bytes, for tests"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PRIVATE: dict[str, Any] = {
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "HS256": SECRET,
}
ALGORITHMS = sorted(PRIVATE)


def public_pem(key):
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def claims(**changes):
    """A good token's claims with `changes`; a value of ... leaves that claim out."""
    good = {
        "userId": "u1",
        "sub": "u1",
        "sid": "A" * 22,
        "deploymentVersion": "1.6.7",
        "iat": NOW - 5,
        "exp": NOW + 600,
        "iss": "bgctl",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def sign(alg, header=None, body=None):
    """A token of our own making: `header` and `body` are dictionaries or the very bytes to be signed."""
    header = {"alg": alg, "kid": alg, "typ": "JWT"} if header is None else header
    body = claims() if body is None else body
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, body)]
    signed = ".".join(map(b64, parts)).encode()
    return f"{signed.decode()}.{b64(signature(alg, signed))}"


def signature(alg, data):
    key = PRIVATE[alg]
    if alg == "EdDSA":
        return key.sign(data)
    if alg == "ES256":
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    if alg == "RS256":
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return hmac.digest(key, data, hashlib.sha256)


@pytest.fixture(scope="session")
def keys(lua):
    make = lua.module("lib.crypto")[b"key"]
    ring = {}
    for alg, key in PRIVATE.items():
        ring[alg] = make(alg.encode(), SECRET if alg == "HS256" else public_pem(key))
        assert not isinstance(ring[alg], tuple), ring[alg]
    return lua.table(ring)


@pytest.fixture
def verify(lua, keys):
    """verify(token) -> (identity or None, reason or None)"""

    def call(token, now=NOW):
        text = token if isinstance(token, bytes) else token.encode()
        result = lua.module("tokens.token")[b"verify"](text, keys, lua.table(RULES), now)
        identity, reason = result if isinstance(result, tuple) else (result, None)
        return plain(identity) if identity else None, plain(reason)

    return call


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_good_token_is_believed(verify, alg):
    identity, reason = verify(sign(alg))
    assert reason is None
    assert identity == {
        "version": "1.6.7",
        "issued": NOW - 5,
        "sid": "A" * 22,
        "user": "u1",
        "bound": False,
        "exp": NOW + 600,
        "good_until": NOW + 660,
    }


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_token_of_another_library_is_believed(verify, alg):
    assert verify(jwt.encode(claims(), PRIVATE[alg], alg, {"kid": alg}))[0]


@pytest.mark.threat(1)
@pytest.mark.parametrize("alg", ["none", "NONE", "None", "", "hs256", "HS512", None, 5, ["EdDSA"], {}, True])
def test_01_alg_that_is_not_the_keys(verify, alg):
    for kid in ALGORITHMS:
        header = {"alg": alg, "kid": kid}
        body = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims()).encode())}"
        for tail in ("", b64(b"x" * 64), b64(signature(kid, body.encode()))):
            assert verify(f"{body}.{tail}")[1] in ("alg", "malformed")
    assert verify(sign("EdDSA", {"kid": "EdDSA"}))[1] == "alg"


@pytest.mark.threat(2)
@pytest.mark.parametrize("kid", ["EdDSA", "ES256", "RS256"])
def test_02_a_public_key_is_no_hmac_secret(verify, kid):
    signed = f"{b64(json.dumps({'alg': 'HS256', 'kid': kid}).encode())}.{b64(json.dumps(claims()).encode())}"
    for secret in (public_pem(PRIVATE[kid]), public_pem(PRIVATE[kid]).strip()):
        forged = f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"
        assert verify(forged)[1] == "alg"


@pytest.mark.threat(3)
def test_03_not_three_segments_of_a_compact_jws(verify):
    good = sign("EdDSA")
    head, body, tail = good.split(".")
    shapes = ["", ".", "..", "...", head, f"{head}.{body}", f"{good}.x", f"{good}.x.y", f".{body}.{tail}"]
    shapes += [f"{head}..{tail}", f"{head}.{body}.", json.dumps({"payload": body, "signature": tail}), " "]
    for shape in shapes:
        assert verify(shape)[1] == "malformed", shape
    assert verify(sign("EdDSA", {"alg": "EdDSA", "kid": "EdDSA", "enc": "A256GCM"}))[1] == "crit"


@pytest.mark.threat(4)
@pytest.mark.parametrize(
    "kid", [None, 7, "", "no-such", "../../etc/passwd", "EdDSA\0", "k" * 65536, [], "__index"]
)
def test_04_a_kid_is_looked_up_and_nothing_else(verify, kid):
    assert verify(sign("EdDSA", {"alg": "EdDSA", "kid": kid}))[1] in ("unknown_kid", "too_large")


@pytest.mark.threat(5)
def test_05_keys_that_a_token_brings_along_are_not_used(verify):
    other = ed25519.Ed25519PrivateKey.generate()
    x = b64(other.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw))
    header = {
        "alg": "EdDSA",
        "kid": "EdDSA",
        "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x},
        "jku": "http://[::1]/",
    }
    signed = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims()).encode())}"
    assert verify(f"{signed}.{b64(other.sign(signed.encode()))}")[1] == "signature"


@pytest.mark.threat(6)
@pytest.mark.parametrize(
    "extra", [{"crit": ["exp"]}, {"crit": []}, {"crit": None}, {"b64": False}, {"b64": True}]
)
def test_06_critical_extensions_are_not_understood(verify, extra):
    assert verify(sign("EdDSA", {"alg": "EdDSA", "kid": "EdDSA", **extra}))[1] == "crit"


@pytest.mark.threat(7)
def test_07_es256_signatures_out_of_range_or_in_another_form(verify):
    signed, _, tail = sign("ES256").rpartition(".")
    raw = base64.urlsafe_b64decode(tail + "==")
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    order = P256_ORDER.to_bytes(32, "big")
    zero = bytes(32)
    bad = [zero + raw[32:], raw[:32] + zero, zero + zero, order + raw[32:], raw[:32] + order, b"\xff" * 64]
    bad += [encode_dss_signature(r, s), raw[:63], raw + b"\0", b"\0" + raw, b""]
    for value in bad:
        assert verify(f"{signed}.{b64(value)}")[1] in ("signature", "malformed")
    assert verify(f"{signed}.{b64(raw)}")[0], "the original still holds"


MODULUS = b"an RSA key whose modulus is not an odd number of 2048 to 16384 bits"
EXPONENT = b"an RSA key whose exponent is not an odd number from 3 on, of 64 bits at most"


@pytest.mark.threat(8)
def test_08_rsa_padding_edits_and_weak_keys(lua, verify):
    signed, _, tail = sign("RS256").rpartition(".")
    raw = base64.urlsafe_b64decode(tail + "==")
    for value in (raw[:-1], raw + b"\0", b"\0" + raw, bytes(256), b"\xff" * 256, raw[::-1]):
        assert verify(f"{signed}.{b64(value)}")[1] == "signature"
    pss = PRIVATE["RS256"].sign(
        signed.encode(), padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
    )
    assert verify(f"{signed}.{b64(pss)}")[1] == "signature"
    weak = public_pem(rsa.generate_private_key(65537, 1024))
    assert lua.module("lib.crypto")[b"key"](b"RS256", weak) == (None, MODULUS)
    numbers = PRIVATE["RS256"].public_key().public_numbers()
    one = der_rsa_public_key(numbers.n, 1)
    assert lua.module("lib.crypto")[b"key"](b"RS256", one) == (None, EXPONENT)


def der_rsa_public_key(n, e):
    """An SPKI PEM by hand: the library refuses to make a key with exponent 1."""

    def der(tag, body):
        size = len(body)
        length = bytes([size]) if size < 128 else bytes([0x82]) + size.to_bytes(2, "big")
        return bytes([tag]) + length + body

    def integer(value):
        return der(2, value.to_bytes(value.bit_length() // 8 + 1, "big"))

    rsa_encryption = bytes.fromhex("06092a864886f70d0101010500")
    spki = der(0x30, der(0x30, rsa_encryption) + der(3, b"\0" + der(0x30, integer(n) + integer(e))))
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki) + b"-----END PUBLIC KEY-----\n"


@pytest.mark.threat(9)
def test_09_short_secrets_and_truncated_tags(lua, verify):
    assert lua.module("lib.crypto")[b"key"](b"HS256", b"x" * 31) == (None, b"an HMAC secret under 32 bytes")
    signed, _, tail = sign("HS256").rpartition(".")
    raw = base64.urlsafe_b64decode(tail + "==")
    for value in (raw[:16], raw[:31], raw + b"\0", b""):
        assert verify(f"{signed}.{b64(value)}")[1] in ("signature", "malformed")


@pytest.mark.threat(2)
@pytest.mark.parametrize("alg", ALGORITHMS)
def test_02_a_key_serves_no_other_algorithm(lua, alg):
    make = lua.module("lib.crypto")[b"key"]
    for other in {"EdDSA", "ES256", "RS256"} - {alg}:
        material = SECRET if alg == "HS256" else public_pem(PRIVATE[alg])
        assert make(other.encode(), material)[0] is None
    p384 = public_pem(ec.generate_private_key(ec.SECP384R1()))
    assert make(b"ES256", p384)[0] is None


@pytest.mark.threat(10)
def test_10_one_spelling_only(verify):
    good = sign("HS256")
    spellings = [f"{good}=", f" {good}", f"{good} ", f"{good}\n", good.replace(".", "=.", 1), f"{good}\0"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(good[-1])  # 32 bytes end in four unused bits, all zero
    spellings += [good[:-1] + alphabet[last + more] for more in range(1, 4)]
    for spelling in spellings:
        assert verify(spelling)[1] == "malformed", spelling


@pytest.mark.threat(11)
def test_11_too_large_is_refused_before_it_is_read(verify):
    assert verify(sign("EdDSA", body=claims(pad="x" * 8192)))[1] == "too_large"
    assert verify("." * 1_000_000)[1] == "too_large"


@pytest.mark.threat(12)
@pytest.mark.parametrize(
    "body", [b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[" * 3000, b"[]", b"7", b"null", b"\xff"]
)
def test_12_deep_or_shapeless_claims(verify, body):
    assert verify(sign("EdDSA", body=body))[1] == "malformed"


@pytest.mark.threat(13)
def test_13_duplicate_keys(verify):
    body = json.dumps(claims())[:-1] + ',"deploymentVersion":"1.6.8"}'
    assert verify(sign("EdDSA", body=body.encode()))[1] == "malformed"
    header = b'{"alg":"EdDSA","kid":"EdDSA","kid":"EdDSA"}'
    assert verify(sign("EdDSA", header))[1] == "malformed"


BAD_VERSIONS: list[Any] = [
    ...,
    None,
    7,
    1.6,
    [],
    ["1.6.7"],
    {},
    True,
    "",
    " 1.6.7",
    "1.6.7 ",
    "1.6.7\0",
    "1.6.7\n",
]
BAD_VERSIONS += [
    "1.6.7\r\nSet-Cookie: x",
    "1\u20246",
    "-1",
    ".1",
    "v" * 65,
    "1/2",
    "../x",
    "${x}",
    "\u0661.6",
]


@pytest.mark.threat(14)
@pytest.mark.parametrize("version", BAD_VERSIONS)
def test_14_versions_by_a_strict_pattern(verify, version):
    assert verify(sign("EdDSA", body=claims(deploymentVersion=version)))[1] == "claims"


@pytest.mark.threat(14)
@pytest.mark.parametrize("version", ["1", "1.6.7", "2.0.0-rc.1+build_7", "v" * 64, "main"])
def test_14_versions_that_are_versions(verify, version):
    assert verify(sign("EdDSA", body=claims(deploymentVersion=version)))[0]["version"] == version


@pytest.mark.threat(15)
@pytest.mark.parametrize(
    "exp",
    [
        b'"1900000000"',
        b"1e400",
        b"-1",
        b"100000000000",
        b"true",
        b"[]",
        b"{}",
        b"null",
        b"1e30",
        b'""',
        b"9007199254740993",
    ],
)
def test_15_exp_is_a_number_of_seconds(verify, exp):
    body = json.dumps(claims(exp=12345)).replace("12345", exp.decode()).encode()
    assert verify(sign("EdDSA", body=body))[1] == "claims"


@pytest.mark.threat(15)
@pytest.mark.parametrize("exp", [b"NaN", b"Infinity", b"0x7fffffff", b"1_0", b"-", b""])
def test_15_exp_that_is_not_json(verify, exp):
    body = json.dumps(claims(exp=12345)).replace("12345", exp.decode()).encode()
    assert verify(sign("EdDSA", body=body))[1] == "malformed"


@pytest.mark.threat(15)
def test_15_exp_must_be_there(verify):
    assert verify(sign("EdDSA", body=claims(exp=...)))[1] == "claims"


@pytest.mark.threat(16)
def test_16_the_leeway_is_bounded(verify):
    assert verify(sign("EdDSA", body=claims(exp=NOW - 60)))[0]
    assert verify(sign("EdDSA", body=claims(exp=NOW - 61)))[1] == "expired"
    assert verify(sign("EdDSA", body=claims(iat=NOW + 60)))[0]
    assert verify(sign("EdDSA", body=claims(iat=NOW + 61)))[1] == "not_yet"
    assert verify(sign("EdDSA", body=claims(nbf=NOW + 3600)))[1] == "not_yet"
    assert verify(sign("EdDSA", body=claims(nbf="soon")))[1] == "claims"


@pytest.mark.threat(18)
@pytest.mark.parametrize("issuer", ["", "Bgctl", "bgctl ", "bgctl-pin", None, 7, ["bgctl"], ...])
def test_18_another_issuer(verify, issuer):
    assert verify(sign("EdDSA", body=claims(iss=issuer)))[1] == "issuer"


def test_a_third_partys_token_needs_no_sid(verify):
    assert verify(sign("EdDSA", body=claims(sid=..., userId=...)))[0]["sid"] == f"iat:{NOW - 5}"
    assert verify(sign("EdDSA", body=claims(sid=..., sub=7, userId=...)))[0]["user"] == "7"
    subjects: tuple[Any, ...] = (..., None, True, 7.5, "", [], {})
    for sub in subjects:
        assert verify(sign("EdDSA", body=claims(sid=..., sub=sub, userId=...)))[1] == "claims"


@pytest.mark.threat(63)
@given(st.binary(max_size=300))
def test_63_garbage_never_throws(lua, keys, text):
    assert lua.module("tokens.token")[b"verify"](text, keys, lua.table(RULES), NOW)[0] is None


@pytest.mark.threat(63)
@given(st.sampled_from(ALGORITHMS), st.data())
def test_63_a_token_with_one_byte_changed_is_refused(lua, keys, alg, data):
    token = bytearray(sign(alg).encode())
    at = data.draw(st.integers(0, len(token) - 1))
    was = token[at]
    token[at] = data.draw(st.integers(0, 255).filter(lambda value: value != was))
    assert lua.module("tokens.token")[b"verify"](bytes(token), keys, lua.table(RULES), NOW)[0] is None


versions = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,63}\Z")
sids = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=128).map(str.encode)


lists = st.none() | st.from_regex(r"\A[A-Za-z0-9_-]{20}\Z")


@given(sids, versions, st.none() | versions, st.booleans(), lists, st.integers(1, 10**6))
def test_a_pin_says_where_its_session_is(lua, sid, version, left, bound, pages, life):
    pin = lua.module("tokens.pin")
    keys = lua.table({"pin": lua.module("lib.crypto")[b"key"](b"HS256", SECRET)})
    rules = lua.table({"issuer": "bgctl-pin", "leeway": 0, "longest": 10**6})
    name = lua.module("lib.names")[b"session"](sid, b"u1")
    own = pin[b"sid"](SECRET, sid, name)
    place = {"sid": own, "version": version, "from": left, "bound": bound, "pages": pages, "generation": life}
    text = pin[b"mint"](SECRET, lua.table(place), NOW + life, NOW)
    identity = plain(lua.module("tokens.token")[b"verify"](text, keys, rules, NOW))
    assert (identity["version"], identity["generation"], identity["bound"]) == (version, life, bound)
    assert (identity.get("from"), identity.get("pages")) == (left, pages)
    assert identity["exp"] == NOW + life
    assert not pin[b"due"](lua.table(identity), lua.table(place), NOW + life)


def test_a_pin_is_no_session_token_and_a_token_no_pin(lua, keys, verify):
    pin = lua.module("tokens.pin")[b"mint"](SECRET, lua.table(PLACE), NOW + 600, NOW)
    assert verify(pin)[1] == "unknown_kid"
    pins = lua.table({"pin": lua.module("lib.crypto")[b"key"](b"HS256", SECRET)})
    rules = lua.table({"issuer": "bgctl-pin", "leeway": 0, "longest": 604800})
    assert lua.module("tokens.token")[b"verify"](sign("HS256").encode(), pins, rules, NOW) == (
        None,
        b"unknown_kid",
    )


PLACE = {"sid": "A" * 22, "version": "1.6.7", "generation": 7, "from": None, "bound": True, "pages": "b" * 20}


def test_a_pin_is_minted_anew_where_it_would_end_too_early(lua):
    due = lua.module("tokens.pin")[b"due"]
    pin = lua.table({**PLACE, "exp": NOW + 100})
    assert not due(pin, lua.table(PLACE), NOW + 100)
    assert due(pin, lua.table(PLACE), NOW + 101)
    assert due(None, lua.table(PLACE), NOW)


@pytest.mark.parametrize(
    "other",
    [
        *({"version": "1.6.8"}, {"sid": "B" * 22}, {"from": "1.6.6"}, {"bound": False}, {"pages": None}),
        {"jar": "none/"},
    ],
)
def test_a_pin_that_says_something_else_is_minted_anew(lua, other):
    pin = lua.table({**PLACE, "exp": NOW + 200})
    assert lua.module("tokens.pin")[b"due"](pin, lua.table({**PLACE, **other}), NOW + 200)


@pytest.mark.threat(19)
def test_19_a_retiring_key_bounds_what_it_signed(lua):
    """To the second, also for a verdict that is remembered: no leeway for keys."""
    key = lua.module("lib.crypto")[b"key"](b"HS256", SECRET)
    key[b"retire_at"] = NOW + 10
    keys, rules = lua.table({"HS256": key}), lua.table(RULES)
    verify = lua.module("tokens.token")[b"verify"]
    token = sign("HS256").encode()
    assert plain(verify(token, keys, rules, NOW + 9))["good_until"] == NOW + 9
    assert verify(token, keys, rules, NOW + 10) == (None, b"unknown_kid")

"""A JWK Set: which of its keys verify signatures, and what is said of the others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519
from hypothesis import given
from hypothesis import strategies as st

from session_api.keys import algorithms
from tests.unit.toolkit.jwks.conftest import PRIVATE, jwk_of, text
from toolkit.errors import Failed
from toolkit.jwks import key_set

Make = Callable[..., dict[str, Any]]


def refusal(content: bytes) -> Failed:
    with pytest.raises(Failed) as caught:
        key_set.read(content, "RS256")
    return caught.value


def note(jwk: dict[str, Any]) -> str:
    """What is said of this key, beside one that is good."""
    good = jwk_of(PRIVATE["ES256"].public_key(), kid="good")
    found = key_set.read(text(jwk, good), "RS256")
    assert [key.kid for key in found.keys] == ["good"]
    return "; ".join(found.notes)


@pytest.mark.parametrize("alg", PRIVATE)
def test_a_key_without_alg_is_bound_by_its_kind(jwk: Make, alg: str) -> None:
    """Azure's RSA keys have none; of the others the curve says it."""
    (found,) = key_set.read(text(jwk(alg, kid="a")), "RS256").keys
    assert (found.kid, found.alg) == ("a", "EdDSA" if alg == "Ed448" else alg)
    assert algorithms.public_key(found.alg, found.public.encode()) == PRIVATE[alg].public_key()


def test_an_rsa_key_is_for_what_it_names_or_else_for_what_the_setting_names(jwk: Make) -> None:
    content = text(jwk(kid="a", alg="RS256"), jwk(kid="b", alg="PS512"), jwk(kid="c"), jwk("ES384"))
    keys = key_set.read(content, "PS256").keys
    assert [(key.kid, key.alg) for key in keys] == [
        *(("a", "RS256"), ("b", "PS512"), ("c", "PS256")),
        (None, "ES384"),
    ]


@pytest.mark.parametrize(
    "other",
    [{"use": "enc"}, {"use": None, "key_ops": ["encrypt", "wrapKey"]}, {"use": "enc", "alg": "RSA-OAEP"}],
)
def test_what_is_for_other_uses_is_left_out_silently(jwk: Make, other: dict[str, Any]) -> None:
    assert note(jwk(kid="a", **other)) == ""
    secret = x25519.X25519PrivateKey.generate().public_key().public_bytes_raw()
    raw = jwt.utils.base64url_encode(secret).decode()
    assert note({"kty": "OKP", "crv": "X25519", "x": raw}) == ""


@pytest.mark.parametrize("kid", ["a", "a b=/+", "~" * 256])
def test_a_provider_names_its_keys_as_it_likes(jwk: Make, kid: str) -> None:
    assert key_set.read(text(jwk(kid=kid)), "RS256").keys[0].kid == kid


@pytest.mark.threat(4)
@pytest.mark.parametrize("kid", ["", "~" * 257, "a\n", "\x00", "ж", 7, ["a"], {}, True])
def test_04_a_kid_that_is_none(jwk: Make, kid: object) -> None:
    assert "has a kid that is none" in note(jwk(kid=kid))


@pytest.mark.threat(2)
def test_02_a_secret_is_no_key_of_a_list(jwk: Make) -> None:
    said = note({"kty": "oct", "kid": "s", "k": "c2VjcmV0", "alg": "HS256"})
    assert said == "key s is a secret, which no list may give: bgctl keys import --secret-file"
    assert "HS256" in note(jwk(kid="a", alg="HS256")), "nor is a public key one"


@pytest.mark.parametrize("member", key_set.PRIVATE)
def test_a_private_half_refuses_all_of_it(jwk: Make, member: str) -> None:
    error = refusal(text(jwk("ES256", kid="good"), jwk(kid="leaked", **{member: "AQ"})))
    assert (
        str(error) == f"key leaked is there with its private half: whoever has read {member} can sign tokens"
    )
    assert error.next == "make a new key, and list its public members alone"


@pytest.mark.threat(8)
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (jwk_of(rsa.generate_private_key(65537, 1024).public_key()), "is an RSA key of 1024 bits"),
        (jwk_of(PRIVATE["RS256"].public_key(), e="AQ"), "is no key that can be read"),
        (jwk_of(PRIVATE["RS256"].public_key(), n=None), "is no key that can be read"),
        (jwk_of(PRIVATE["RS256"].public_key(), n="a b"), "is no key that can be read"),
        (jwk_of(PRIVATE["ES256"].public_key(), x="AQ"), "is no key that can be read"),
        (jwk_of(PRIVATE["EdDSA"].public_key(), x="AQ"), "is no key that can be read"),
        (jwk_of(PRIVATE["ES256"].public_key(), alg="ES384"), "is for ES384, and fit for ES256"),
        (jwk_of(PRIVATE["RS256"].public_key(), alg="none"), "is for none, and fit for RS256"),
        (jwk_of(PRIVATE["RS256"].public_key(), alg=["RS256"]), "is for ['RS256'], and fit for RS256"),
        ({"kty": "EC", "crv": "secp256k1", "x": "AQ", "y": "AQ"}, "not known here: EC secp256k1"),
        ({"kty": "AKP"}, "not known here: AKP"),
        ({}, "not known here: None"),
    ],
)
def test_08_an_unfit_key_is_left_out_and_said(made: dict[str, Any], said: str) -> None:
    assert said in note(made)


def test_a_kid_that_is_listed_twice_is_the_first_ones(jwk: Make) -> None:
    found = key_set.read(text(jwk("ES256", kid="a"), jwk("ES384", kid="a"), jwk(), jwk()), "RS256")
    assert [(key.kid, key.alg) for key in found.keys] == [("a", "ES256"), (None, "RS256"), (None, "RS256")]
    assert found.notes == ("key a is listed twice",)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        *((b"", "no JWK Set"), (b"<html>", "no JWK Set"), (b"[]", "no JWK Set"), (b"{}", "no JWK Set")),
        *((b'{"keys":{}}', "no JWK Set"), (b'{"keys":[7]}', "no JWK Set"), (b"7", "no JWK Set")),
        *((b"\xff", "no JWK Set"), (b'"keys"', "no JWK Set"), (b"[" * 100_000, "no JWK Set")),
        (b'{"keys":[]}', "it has no key that verifies signatures: it lists none"),
        (text({"kty": "oct", "k": "AQ"}), "it has no key that verifies signatures: key number 1 is a secret"),
        (text(*[{}] * 65), "it has 65 keys: 64 are read at most"),
    ],
)
def test_what_is_no_list_of_keys_is_refused(content: bytes, said: str) -> None:
    assert said in str(refusal(content))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["RSA", "EC", "AQAB"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(
    st.dictionaries(
        st.sampled_from(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use", "key_ops"]), json_values
    )
)
def test_nothing_in_a_key_throws(members: dict[str, Any]) -> None:
    good = jwk_of(PRIVATE["ES256"].public_key(), kid="the good one")
    for base in (PRIVATE["RS256"], PRIVATE["ES384"], PRIVATE["EdDSA"]):
        content = json.dumps({"keys": [jwk_of(base.public_key()) | members, good]}).encode()
        assert any(key.kid == "the good one" for key in key_set.read(content, "RS256").keys)


def test_other_curves_are_said() -> None:
    brainpool = ec.generate_private_key(ec.SECP256K1()).public_key().public_numbers()
    made = {"kty": "EC", "crv": "P-256", "x": _b64(brainpool.x), "y": _b64(brainpool.y)}
    assert "is no key that can be read" in note(made), "a point that is not on the curve"


def _b64(number: int) -> str:
    return jwt.utils.base64url_encode(number.to_bytes(32, "big")).decode()

"""Keys of identity providers in both programs: one verdict on each file, and on each token."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from session_api.keys import app_keys, issuer_keys, keyring, signing_keys
from session_api.keys.document import KeyringError
from session_api.tokens.tokens import MAX_TRIED
from tests.lua.support.both import Both
from tests.unit.session_api.support.data import NOW, claims

ONE, TWO = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
THREE = ed25519.Ed25519PrivateKey.generate()
SEEN = "2027-01-01T00:00:00Z"


def public(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def entry(key: Any, kid: str | None = None, alg: str = "ES256", **more: Any) -> dict[str, Any]:
    return {"alg": alg, "public": public(key).decode(), "seenAt": SEEN, "kid": kid, **more}


def put(directory, *sources: Any) -> None:
    issuer_keys.place(directory).write_text(json.dumps({"schema": 1, "sources": sources}))


@pytest.fixture
def keys(tmp_path):
    signing_keys.create(tmp_path / "keys", now=NOW - 60)
    return tmp_path / "keys"


def verdict(both: Both, token: str) -> object:
    assert both.proxy(token) == both.api(token)
    said = both.api(token)
    return said if isinstance(said, str) else said[0]


def token(key: Any, kid: str | None, alg: str = "ES256", **more: Any) -> str:
    return jwt.encode(claims(**more), key, alg, {"kid": kid} if kid else None)


def test_a_providers_key_verifies_the_apps_tokens_and_none_of_ours(lua, keys):
    put(keys, {"name": "idp", "keys": [entry(ONE, "one"), entry(THREE, alg="EdDSA")]})
    both = Both(lua, keys)
    for each in (token(ONE, "one"), token(ONE, None), token(THREE, None, "EdDSA")):
        assert verdict(both, each) == "1.6.7"
        assert both.tokens.verify(each).foreign, "also where it says that it is of [tokens] issuer"
    assert verdict(both, token(ONE, "two")) == "unknown_kid"
    assert verdict(both, token(TWO, "one")) == "signature"
    assert verdict(both, jwt.encode(claims(), public(ONE).hex(), "HS256", {"kid": "one"})) == "alg"
    shown = [key["kid"] for key in both.tokens.key_set()["keys"]]
    assert "one" not in shown, "the session API does not answer for them"


@pytest.mark.threat(18)
def test_18_a_provider_has_its_issuer_and_its_audience(lua, keys):
    put(keys, {"name": "idp", "keys": [entry(ONE, "one")], "issuer": "https://idp/", "audience": "shop"})
    both = Both(lua, keys)
    assert verdict(both, token(ONE, "one")) == "issuer"
    assert verdict(both, token(ONE, "one", iss="https://idp/")) == "audience"
    assert verdict(both, token(ONE, "one", iss="https://idp/", aud=["x", "shop"])) == "1.6.7"


@pytest.mark.threat(19)
@pytest.mark.parametrize(("second", "said"), [(1, "1.6.7"), (0, "unknown_kid")])
def test_19_a_key_that_is_listed_no_more_verifies_until_its_end(lua, keys, second, said):
    put(keys, {"name": "idp", "keys": [entry(ONE, "one", retireAt=f"2027-01-15T08:00:0{second}Z")]})
    assert verdict(Both(lua, keys), token(ONE, "one")) == said


@pytest.mark.threat(4)
def test_04_of_two_keys_with_one_name_ours_counts_and_else_the_first(lua, keys):
    app_keys.trust(keys, "ES256", public(ONE), kid="same", now=NOW - 60)
    put(
        keys,
        {"name": "a", "keys": [entry(TWO, "same"), entry(TWO, "other", issuer="x")]},
        {"name": "b", "keys": [entry(ONE, "other")], "issuer": "b"},
    )
    both = Both(lua, keys)
    assert verdict(both, token(ONE, "same")) == "1.6.7"
    assert verdict(both, token(TWO, "same")) == "signature"
    assert verdict(both, token(TWO, "other")) == "1.6.7"
    assert verdict(both, token(ONE, "other")) == "signature"


@pytest.mark.threat(4)
@pytest.mark.parametrize("kid", ["../../etc/passwd", "a b=/+", " ", "~" * 256])
def test_04_a_providers_kid_is_a_name_in_a_table(lua, keys, kid):
    put(keys, {"name": "idp", "keys": [entry(ONE, kid)]})
    assert verdict(Both(lua, keys), token(ONE, kid)) == "1.6.7"


def test_many_keys_of_a_provider_are_not_in_the_way_of_the_apps_own(lua, keys):
    app_keys.trust(keys, "ES256", public(ONE), now=NOW - 60)
    many = [ec.generate_private_key(ec.SECP256R1()) for _ in range(MAX_TRIED)]
    put(keys, {"name": "idp", "keys": [entry(key, f"k{n}") for n, key in enumerate(many)]})
    both = Both(lua, keys)
    assert verdict(both, token(ONE, None)) == "1.6.7"
    assert verdict(both, token(many[0], "k0")) == "1.6.7"
    assert verdict(both, token(many[0], None)) == "signature", "its own tokens name theirs"
    put(keys, {"name": "idp", "keys": [entry(key, f"k{n}") for n, key in enumerate(many[1:])]})
    both = Both(lua, keys)
    assert verdict(both, token(many[3], None)) == verdict(both, token(ONE, None)) == "1.6.7"
    only = [entry(key, f"k{n}", alg="ES256") for n, key in enumerate([*many, TWO])]
    for found in keys.glob("verify/k-*-2.pem"):
        found.unlink()
    app_keys.remove(keys, next(kid for kid, key in keyring_of(keys).items() if key["signedBy"] == "app"))
    put(keys, {"name": "idp", "keys": only})
    assert verdict(Both(lua, keys), token(TWO, None)) == "unknown_kid"


def keyring_of(keys) -> dict[str, dict[str, Any]]:
    document = json.loads((keys / "verify" / "keyring.json").read_text())
    return {key["kid"]: {"signedBy": "us", **key} for key in document["keys"]}


GOOD = entry(ONE, "one")


@pytest.mark.threat(41)
@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"schema":1}', '{"schema":2,"sources":[]}', "\x00"),
        *(
            json.dumps({"schema": 1, "sources": [source]})
            for source in (
                *(7, {}, {"name": "", "keys": []}, {"name": "a"}, {"name": "a", "keys": 7}, {"keys": []}),
                *({"name": "a", "keys": [], "issuer": ""}, {"name": "a", "keys": [], "audience": 7}),
                *({"name": "a", "keys": [each]} for each in (7, {}, GOOD | {"alg": "HS256"})),
                *({"name": "a", "keys": [GOOD | {"alg": each}]} for each in ("ES384", "none", None, 1)),
                *({"name": "a", "keys": [GOOD | {"kid": each}]} for each in ("", "\n", "ж", "~" * 257, 7)),
                *({"name": "a", "keys": [GOOD | {"retireAt": each}]} for each in ("soon", 7)),
                *({"name": "a", "keys": [GOOD | {"seenAt": each}]} for each in ("soon", None)),
                *({"name": "a", "keys": [GOOD | {"public": each}]} for each in ("", None, "-----BEGIN")),
            )
        ),
    ],
)
def test_41_a_file_that_is_unfit_for_one_is_unfit_for_both(lua, keys, text):
    issuer_keys.place(keys).write_text(text)
    with pytest.raises(KeyringError, match=r"jwks\.json") as caught:
        keyring.load(keys)
    assert "bgctl keys refresh" in caught.value.next_step
    ring = lua.module("tokens.keyring")
    index = ring[b"index"](str(keys / "verify").encode())
    said = ring[b"load"](str(keys / "verify").encode(), index)
    assert isinstance(said, tuple) and b"jwks.json" in said[1]


@pytest.mark.parametrize(
    "source", [{"name": "a", "keys": []}, {"name": "a", "keys": [GOOD | {"retireAt": None}], "issuer": None}]
)
def test_what_is_fit_is_fit_for_both(lua, keys, source):
    put(keys, source)
    keyring.load(keys)
    Both(lua, keys)


def test_no_file_is_as_good_as_an_empty_one(lua, keys):
    ring = lua.module("tokens.keyring")
    text = ring[b"index"](str(keys / "verify").encode())
    assert text == (keys / "verify" / "keyring.json").read_bytes()
    put(keys)
    assert ring[b"index"](str(keys / "verify").encode()).startswith(text + b"\0{")


def test_a_new_file_is_in_force_at_once(lua, keys):
    both = Both(lua, keys)
    assert verdict(both, token(ONE, "one")) == "unknown_kid"
    put(keys, {"name": "idp", "keys": [GOOD]})
    assert both.api(token(ONE, "one"))[0] == "1.6.7"
    assert verdict(Both(lua, keys), token(ONE, "one")) == "1.6.7"

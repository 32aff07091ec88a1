"""Tokens of every algorithm, and the keys that they name."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.keys import app_keys, keyring, signing_keys
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import MAX_TRIED, Tokens
from tests.unit.session_api.support.data import ALGORITHMS, NOW, HandClock, claims
from tests.unit.session_api.support.forge import Forge, json_values, reason, unb64


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_good_token_of_every_algorithm(tokens: Tokens, forge: Forge, alg: str) -> None:
    believed = tokens.verify(forge.token({}, claims(email="a@b.c"), alg))
    assert (believed.version, believed.sid, believed.user_id) == ("1.6.7", "abcdefghijklmnopqrstuv", "u1")
    assert (believed.email, believed.issued_at, believed.expires_at) == ("a@b.c", NOW, NOW + 604800)


def test_what_is_signed_verifies(tokens: Tokens) -> None:
    token = tokens.sign(claims())
    header = json.loads(unb64(token.split(".")[0]))
    assert header == {"alg": "HS256", "kid": header["kid"], "typ": "JWT"}
    assert tokens.verify(token).user_id == "u1"


@pytest.mark.threat(4)
@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "k\0", "k" * 5000, 1, 1.5, None, True, [], {}, "unknown", "", "K-20270115-1"]
)
def test_4_kid_is_a_name_in_a_table(tokens: Tokens, forge: Forge, kid: Any) -> None:
    assert reason(tokens, forge.token({"kid": kid}, claims())) == "unknown_kid"


@pytest.mark.threat(4)
def test_4_without_a_kid_the_keys_of_that_algorithm_are_tried(tokens: Tokens, forge: Forge) -> None:
    assert reason(tokens, forge.token(b'{"alg":"EdDSA"}', claims())) is None
    assert reason(tokens, forge.token(b'{"alg":"ES256"}', claims())) == "signature"
    for alg in (b'"none"', b'"HS512"', b"null", b"1", b"[]", b'"constructor"'):
        assert reason(tokens, forge.token(b'{"alg":%b}' % alg, claims())) == "alg", alg
    assert reason(tokens, forge.token(b"{}", claims())) == "alg"


@pytest.mark.threat(4)
def test_4_without_a_kid_few_keys_are_tried(keys: Path, clock: HandClock) -> None:
    """As many as are documented: each costs a signature, for whatever anybody sends."""
    tokens = Tokens(keyring.Keyring(keys), clock, Rules("bgctl", 60, 604800))
    forge = Forge(keys)
    for number in range(MAX_TRIED - 1):
        app_keys.trust(keys, "HS256", f"the secret of app number {number}".encode() * 2, now=NOW)
    assert reason(tokens, forge.token(b'{"alg":"HS256"}', claims(), "HS256")) is None
    app_keys.trust(keys, "HS256", b"one more than are tried, and none is", now=NOW)
    assert reason(tokens, forge.token(b'{"alg":"HS256"}', claims(), "HS256")) == "unknown_kid"
    assert reason(tokens, forge.token({}, claims(), "HS256")) is None, "that names its key"


@pytest.mark.threat(5)
def test_5_keys_in_the_header_are_ignored(tokens: Tokens, forge: Forge) -> None:
    header = {
        "jku": "http://127.0.0.1:1/",
        "x5u": "http://127.0.0.1:1/",
        "x5c": ["AA"],
        "jwk": {"kty": "oct"},
    }
    assert reason(tokens, forge.token(header, claims())) is None
    assert reason(tokens, forge.token(header | {"kid": "mine"}, claims())) == "unknown_kid"


@pytest.mark.threat(19)
def test_19_both_keys_verify_for_the_window(keys: Any, forge: Forge) -> None:
    clock = HandClock()
    tokens = Tokens(keyring.Keyring(keys), clock, Rules("bgctl", 60, 10**7))
    old = forge.token({}, claims(exp=NOW + 10**7), "HS256")
    signing_keys.rotate(keys, "EdDSA", now=NOW)
    clock.now = NOW + keyring.SETTLE
    new = tokens.sign(claims(exp=NOW + 10**7))
    assert (reason(tokens, old), reason(tokens, new)) == (None, None)
    clock.now = NOW + signing_keys.KEEP - 1
    assert reason(tokens, old) is None
    clock.now = NOW + signing_keys.KEEP
    assert (reason(tokens, old), reason(tokens, new)) == ("unknown_kid", None)


@pytest.mark.threat(19)
def test_19_a_removed_key_is_gone_at_once(keys: Any, forge: Forge) -> None:
    tokens = Tokens(keyring.Keyring(keys), HandClock(), Rules("bgctl", 60, 604800))
    token = forge.token({}, claims(), "ES256")
    assert reason(tokens, token) is None
    path = keys / "verify" / "keyring.json"
    document = json.loads(path.read_text())
    document["keys"] = [key for key in document["keys"] if key["alg"] != "ES256"]
    path.with_suffix(".new").write_text(json.dumps(document))
    path.with_suffix(".new").replace(path)
    assert reason(tokens, token) == "unknown_kid"


def test_the_key_set_shows_no_secret(tokens: Tokens, forge: Forge) -> None:
    shown = {key["alg"]: key for key in tokens.key_set()["keys"]}
    assert set(shown) == {"EdDSA", "ES256", "RS256"}
    assert not any(set(key) & {"d", "p", "q", "k", "key_ops"} for key in shown.values())
    assert {key["use"] for key in shown.values()} == {"sig"}


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "enc", "b64", "jwk"]) | st.text(), json_values
    )
)
def test_any_header_gives_a_verdict(tokens: Tokens, forge: Forge, changes: dict[str, Any]) -> None:
    verdict = reason(tokens, forge.token(changes, claims()))
    assert (verdict is None) <= (changes.keys().isdisjoint({"alg", "kid", "crit", "enc", "b64"}))

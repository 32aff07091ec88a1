"""The proxy and the session API give one verdict on every token, and one reason (threats 10 and 20)."""

from __future__ import annotations

import json

import pytest
from api_support import ALGORITHMS, NOW, Forge, HandClock, claims
from hypothesis import given, settings
from hypothesis import strategies as st
from luajit import plain

from session_api import keyring
from session_api.tokens import TokenError, Tokens

VALUES = [
    *("null", "true", "false", "0", "-1", "1", "-0", "01", "1.", "1,", " 1 ", "\x0b1", "1E2", "1e-2", "0x10"),
    *(
        "1e400",
        "NaN",
        "Infinity",
        "1800000100",
        "1800000100.0",
        "18.00000100e8",
        "1800000100.5",
        "1799999940",
    ),
    *("1799999939", "1800000060", "1800000061", "9007199254740991", "9007199254740992"),
    *('""', '"x"', '"1.6.7"', '"1.6.7\\n"', '"\\u0000"', '"\\ud800"', '"\\ud83d\\ude00"', '"é"', '"\x7f"'),
    *('"\t"', '"\\/"', '"\\x"', '"bgctl"', '"EdDSA"', f'"{"s" * 128}"', f'"{"s" * 129}"'),
    *("[]", "{}", '{"a":1,"a":2}', '{"a":{}}', "[" * 14 + "1" + "]" * 14, "[" * 15 + "1" + "]" * 15),
]
NAMES = ["exp", "iat", "nbf", "iss", "deploymentVersion", "sid", "sub", "userId", "email", "other"]
NAMES += ["alg", "kid", "crit", "enc", "b64", "typ"]
SPLICES = ["", "A", "=", ".", "_", "é", " ", ".."]
changes = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.sampled_from(VALUES)), max_size=3)


@pytest.fixture(scope="session")
def both(lua, tmp_path_factory):
    """(forge, proxy, api): what makes tokens, and what each side says: (version, sid) or the reason."""
    directory = tmp_path_factory.mktemp("parity") / "keys"
    keyring.create(directory, ALGORITHMS[0], now=NOW - 3000)
    for algorithm in ALGORITHMS[1:]:
        keyring.rotate(directory, algorithm, now=NOW - 2000)
    index = (directory / "verify" / "keyring.json").read_bytes()
    keys = lua.module("keyring")[b"load"](str(directory / "verify").encode(), index)
    tokens = Tokens(keyring.Keyring(directory), HandClock(), "bgctl", 60)
    rules = lua.table({"issuer": "bgctl", "leeway": 60})

    def proxy(token):
        said = lua.module("token")[b"verify"](token.encode("latin-1", "replace"), keys, rules, NOW)
        if isinstance(said, tuple):
            return plain(said[1])
        identity = plain(said)
        return identity["version"], identity["sid"]

    def api(token):
        try:
            known = tokens.verify(token)
        except TokenError as error:
            return error.reason
        return known.version, known.sid

    return Forge(directory), proxy, api


def spell(members, replaced):
    """A JSON object as text: the changed members last, so that they may also be duplicates."""
    kept = {name: json.dumps(value) for name, value in members.items()}
    extra = []
    for name, value in replaced:
        if value is None:
            kept.pop(name, None)
        elif name in kept:
            kept[name] = value
        else:
            extra.append((name, value))
    return ("{" + ",".join(f'"{name}":{value}' for name, value in [*kept.items(), *extra]) + "}").encode()


@settings(max_examples=1500)
@given(st.sampled_from(ALGORITHMS), changes, changes)
def test_one_verdict_on_every_set_of_claims(both, algorithm, header, body):
    forge, proxy, api = both
    names = {"alg": algorithm, "kid": forge.keys[algorithm].kid, "typ": "JWT"}
    token = forge.token(spell(names, header), spell(claims(), body), algorithm)
    assert proxy(token) == api(token)


@settings(max_examples=500)
@given(
    st.sampled_from(ALGORITHMS),
    st.integers(0, 700),
    st.sampled_from(SPLICES),
)
def test_one_verdict_on_every_spelling(both, algorithm, at, put):
    forge, proxy, api = both
    names = {"alg": algorithm, "kid": forge.keys[algorithm].kid, "typ": "JWT"}
    token = forge.token(spell(names, []), spell(claims(), []), algorithm)
    at %= len(token)
    token = token[:at] + put + token[at + 1 :]
    assert proxy(token) == api(token)

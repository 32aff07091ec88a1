"""The key ring as bgctl writes it, read by the proxy (threats 8, 9, 19)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.keys import app_keys, keyring, signing_keys
from session_api.keys.document import KeyringError

NOW = 1_800_000_000


def load(lua, directory):
    index = (directory / "verify" / "keyring.json").read_bytes()
    return lua.module("tokens.keyring")[b"load"](str(directory / "verify").encode(), index)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_every_kind_of_key_is_read(lua, tmp_path, algorithm):
    made = signing_keys.create(tmp_path / "keys", algorithm, now=NOW)
    keys = load(lua, tmp_path / "keys")
    assert keys[made.kid.encode()][b"alg"] == algorithm.encode()


@pytest.mark.threat(19)
def test_19_both_keys_are_good_for_the_window_and_the_old_one_is_gone_after_it(lua, tmp_path):
    old = signing_keys.create(tmp_path / "keys", now=NOW)
    new = signing_keys.rotate(tmp_path / "keys", now=NOW)
    keys = load(lua, tmp_path / "keys")
    assert keys[old.kid.encode()][b"retire_at"] == NOW + 7 * 86400
    assert keys[new.kid.encode()][b"retire_at"] is None
    signing_keys.prune(tmp_path / "keys", now=NOW + 7 * 86400)
    assert load(lua, tmp_path / "keys")[old.kid.encode()] is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_moments_are_pythons_moments(lua, tmp_path_factory, when):
    directory = tmp_path_factory.getbasetemp()
    (directory / "k.secret").write_bytes(b"s" * 40)
    key = {"kid": "k", "alg": "HS256", "file": "k.secret", "retireAt": f"{when:%Y-%m-%dT%H:%M:%S}Z"}
    ring = json.dumps({"schema": 1, "sign": "k", "keys": [key]}).encode()
    keys = lua.module("tokens.keyring")[b"load"](str(directory).encode(), ring)
    assert keys[b"k"][b"retire_at"] == int(when.replace(tzinfo=UTC, microsecond=0).timestamp())


def test_an_entry_says_whose_tokens_it_is_for(lua, tmp_path):
    """Both programs read the same; an entry that says nothing is our own, as it always was."""
    directory = tmp_path / "keys"
    signing_keys.create(directory, "HS256", secret=b"a" * 32, now=NOW)
    app_keys.trust(directory, "HS256", b"short", issuer="shop", takes_short=True, kid="app-1", now=NOW)
    path = directory / "verify" / "keyring.json"
    document = json.loads(path.read_text())
    own = {"kid": "k-old", "alg": "HS256", "file": "old.secret", "createdAt": "2026-01-15T10:30:00Z"}
    (directory / "verify" / "old.secret").write_bytes(b"o" * 32)
    (directory / "verify" / "old.secret").chmod(0o640)
    document["keys"].append(own)
    path.write_text(json.dumps(document))
    api, proxy = keyring.load(directory).keys, load(lua, directory)
    read = {kid: (key.signed_by, key.issuer) for kid, key in api.items()}
    assert read == {"k-20270115-1": ("both", None), "app-1": ("app", "shop"), "k-old": ("us", None)}
    for kid, (signed_by, issuer) in read.items():
        key = proxy[kid.encode()]
        assert (key[b"signed_by"], key[b"issuer"]) == (signed_by.encode(), issuer and issuer.encode())
    assert [key[b"issuer"] for key in lua.module("tokens.keyring")[b"by_alg"](proxy)[b"HS256"].values()] == [
        *(None, b"shop", None)
    ]


APPS = {"kid": "app", "alg": "HS256", "file": "app.secret", "createdAt": "2026-01-15T10:30:00Z"}


@pytest.mark.threat(9)
@pytest.mark.parametrize(
    ("entry", "secret", "is_good"),
    [
        ({"signedBy": "app"}, b"s" * 32, True),
        ({"signedBy": "app", "issuer": None, "shortSecret": False, "retireAt": None}, b"s" * 32, True),
        ({"signedBy": "app", "issuer": "shop", "shortSecret": True}, b"s", True),
        ({"signedBy": "both", "issuer": "Лавка"}, b"s" * 32, True),
        ({}, b"s" * 31, False),
        ({"signedBy": "app"}, b"s" * 31, False),
        ({"signedBy": "app", "shortSecret": True}, b"", False),
        ({"signedBy": "both", "shortSecret": True}, b"s" * 31, False),
        ({"shortSecret": True}, b"s" * 32, False),
        ({"signedBy": "app", "shortSecret": "true"}, b"s", False),
        ({"signedBy": "app", "shortSecret": None}, b"s" * 32, False),
        ({"signedBy": "app", "shortSecret": 1}, b"s", False),
        ({"signedBy": None}, b"s" * 32, False),
        ({"signedBy": "App"}, b"s" * 32, False),
        ({"signedBy": ["app"]}, b"s" * 32, False),
        ({"signedBy": "app", "issuer": ""}, b"s" * 32, False),
        ({"signedBy": "app", "issuer": 7}, b"s" * 32, False),
        ({"issuer": "shop"}, b"s" * 32, False),
        ({"signedBy": "us", "issuer": "bgctl"}, b"s" * 32, False),
    ],
)
def test_09_both_programs_take_the_same_entries(lua, tmp_path, entry, secret, is_good):
    directory = tmp_path / "keys"
    signing_keys.create(directory, now=NOW)
    path = directory / "verify" / "keyring.json"
    document = json.loads(path.read_text())
    document["keys"].append(APPS | entry)
    path.write_text(json.dumps(document))
    (directory / "verify" / "app.secret").write_bytes(secret)
    (directory / "verify" / "app.secret").chmod(0o640)
    said = load(lua, directory)
    try:
        keyring.load(directory)
    except KeyringError:
        assert (isinstance(said, tuple), is_good) == (True, False)
    else:
        assert (isinstance(said, tuple), is_good) == (False, True)


@pytest.mark.parametrize(
    "ring",
    [
        b"",
        b"[]",
        b'{"schema":2,"keys":[]}',
        b'{"schema":1}',
        b'{"schema":1,"keys":[7]}',
        b'{"schema":1,"keys":[]}',
        b'{"schema":1,"keys":{}}',
        b'{"schema":1,"keys":null}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"HS256","file":"good.secret"},'
        b'{"kid":"k","alg":"HS256","file":"good.secret"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"HS256","file":"../k.secret"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"HS256","file":"absent"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"none","file":"short.secret"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"HS256","file":"short.secret"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"EdDSA","file":"short.secret"}]}',
        b'{"schema":1,"keys":[{"kid":"k","alg":"HS256","file":"good.secret","retireAt":"soon"}]}',
        b'{"schema":1,"keys":[{"kid":7,"alg":"HS256","file":"good.secret"}]}',
    ],
)
def test_one_bad_key_refuses_the_ring(lua, tmp_path, ring):
    (tmp_path / "short.secret").write_bytes(b"short")
    (tmp_path / "good.secret").write_bytes(b"s" * 40)
    keys, why = lua.module("tokens.keyring")[b"load"](str(tmp_path).encode(), ring)
    assert keys is None
    assert why


TERMS: dict[str, list[object]] = {
    "signedBy": ["us", "app", "both", "nobody", "", None, 1, True, ["app"]],
    "issuer": ["shop", "", None, 1, False, {}],
    "audience": ["shop", "", None, 1, False, ["shop"]],
    "shortSecret": [True, False, None, 1, "true"],
    "retireAt": ["2030-01-01T00:00:00Z", None, "soon", 1],
    "kid": ["app", "", "a b", "k" * 64, "k" * 65, None],
    "alg": ["HS256", "HS512", "EdDSA", "none", None, 1],
}
changes = st.fixed_dictionaries({}, optional={name: st.sampled_from(each) for name, each in TERMS.items()})


@pytest.mark.threat(9)
@given(changes, st.sampled_from([b"x" * 40, b"x" * 7, b"", b"\n"]))
def test_9_both_programs_take_the_same_entries(lua, tmp_path_factory, change, secret):
    directory = tmp_path_factory.mktemp("ring") / "keys"
    ours = signing_keys.create(directory, now=NOW)
    path = directory / "verify" / "keyring.json"
    ring = json.loads(path.read_bytes())
    ring["keys"].append(
        {"kid": "x", "alg": "HS256", "file": "x.secret", "createdAt": ring["keys"][0]["createdAt"]}
    )
    ring["keys"][1] |= change
    path.write_text(json.dumps(ring))
    (directory / "verify" / "x.secret").write_bytes(secret)
    (directory / "verify" / "x.secret").chmod(0o640)
    try:
        found = keyring.load(directory).keys
    except KeyringError:
        found = None
    keys = load(lua, directory)
    if found is None:
        assert isinstance(keys, tuple) and keys[0] is None
        return
    assert not isinstance(keys, tuple), keys
    for kid, key in found.items():
        same = keys[kid.encode()]
        assert same[b"audience"] == (key.audience and key.audience.encode())
        assert (same[b"alg"], same[b"signed_by"]) == (key.alg.encode(), key.signed_by.encode())
        assert (same[b"issuer"], same[b"retire_at"]) == (key.issuer and key.issuer.encode(), key.retire_at)
    assert ours.kid in found

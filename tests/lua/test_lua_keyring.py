"""The key ring as bgctl writes it, read by the proxy (threats 8, 9, 19)."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api import keyring

NOW = 1_800_000_000


def load(lua, directory):
    index = (directory / "verify" / "keyring.json").read_bytes()
    return lua.module("keyring")[b"load"](str(directory / "verify").encode(), index)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "HS256"])
def test_every_kind_of_key_is_read(lua, tmp_path, algorithm):
    made = keyring.create(tmp_path / "keys", algorithm, now=NOW)
    keys = load(lua, tmp_path / "keys")
    assert keys[made.kid.encode()][b"alg"] == algorithm.encode()


def test_19_both_keys_are_good_for_the_window_and_the_old_one_is_gone_after_it(lua, tmp_path):
    old = keyring.create(tmp_path / "keys", now=NOW)
    new = keyring.rotate(tmp_path / "keys", now=NOW)
    keys = load(lua, tmp_path / "keys")
    assert keys[old.kid.encode()][b"retire_at"] == NOW + 7 * 86400
    assert keys[new.kid.encode()][b"retire_at"] is None
    keyring.prune(tmp_path / "keys", now=NOW + 7 * 86400)
    assert load(lua, tmp_path / "keys")[old.kid.encode()] is None


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)))
def test_moments_are_pythons_moments(lua, tmp_path_factory, when):
    directory = tmp_path_factory.getbasetemp()
    (directory / "k.secret").write_bytes(b"s" * 40)
    key = {"kid": "k", "alg": "HS256", "file": "k.secret", "retireAt": f"{when:%Y-%m-%dT%H:%M:%S}Z"}
    ring = json.dumps({"schema": 1, "sign": "k", "keys": [key]}).encode()
    keys = lua.module("keyring")[b"load"](str(directory).encode(), ring)
    assert keys[b"k"][b"retire_at"] == int(when.replace(tzinfo=UTC, microsecond=0).timestamp())


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
    keys, why = lua.module("keyring")[b"load"](str(tmp_path).encode(), ring)
    assert keys is None
    assert why

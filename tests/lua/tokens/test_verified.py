"""Tokens that another worker has verified: found is what verification finds, under the same terms alone."""

from __future__ import annotations

import pytest

from tests.lua.support.luajit import NGINX_STUB, Lua, plain
from tests.unit.session_api.support.data import b64

NOW = 1_800_000_000


@pytest.fixture
def one():
    lua = Lua()
    lua.runtime.execute(NGINX_STUB)(NOW)
    return lua


def identity(lua: Lua, **changes: object):
    said = {
        "version": "1.6.7",
        "generation": 12,
        "issued": NOW - 5,
        "sid": "s" * 22,
        "user": "Ada Lovelace +1 -",
        "exp": NOW + 600,
        "bound": False,
        "good_until": NOW + 660,
        "pin_sid": "p" * 22,
        "key": "s " + "s" * 22,
    }
    return lua.table({name: value for name, value in (said | changes).items() if value is not None})


@pytest.mark.parametrize(
    "changes",
    [{}, {"generation": None}, {"user": None, "key": "v " + "s" * 22}, {"foreign": True}, {"generation": 0}],
)
def test_what_is_found_is_what_was_kept(one, changes):
    verified = one.module("tokens.verified")
    made = identity(one, **changes)
    verified[b"keep"](b"name", made, NOW)
    assert plain(verified[b"find"](b"name", NOW)) == plain(made)
    assert plain(verified[b"find"](b"name", NOW + 660)) == plain(made)
    assert verified[b"find"](b"name", NOW + 661) is None
    assert verified[b"find"](b"other", NOW) is None


@pytest.mark.parametrize(
    "changes", [{"version": None}, {"from": "1.6.6"}, {"bound": True}, {"pages": "x"}, {"jar": "none/x"}]
)
def test_what_a_line_does_not_say_is_verified_by_each_worker(one, changes):
    verified = one.module("tokens.verified")
    verified[b"keep"](b"name", identity(one, **changes), NOW)
    assert verified[b"find"](b"name", NOW) is None


def test_another_letter_and_other_terms_are_another_name(one):
    name = one.module("tokens.verified")[b"name"]
    assert len({name(b"a.b.c", b"x"), name(b"a.b.d", b"x"), name(b"a.b.c", b"y")}) == 3


def test_only_what_takes_long_to_verify_is_looked_up(one):
    is_costly = one.module("tokens.token")[b"is_costly"]
    for alg in ("EdDSA", "ES256", "RS256", "PS512"):
        assert is_costly(jws({"alg": alg, "kid": "k"}))
    for alg in ("HS256", "HS384", "HS512"):
        assert not is_costly(jws({"alg": alg, "kid": "k"}))
    assert not is_costly(b"x.y.z")
    assert not is_costly(b"no token")
    assert not is_costly(jws({"alg": "EdDSA"}) + b"A" * 8192)


def jws(header: dict[str, str]) -> bytes:
    return f"{b64(header)}.e30.AAAA".encode()

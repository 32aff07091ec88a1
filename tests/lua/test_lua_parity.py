"""The proxy and the session API give one verdict on every token, and one reason (threats 10 and 20).

And one name to its session and its user (threats 77 and 79).
"""

from __future__ import annotations

import json

import pytest
from api_support import ALGORITHMS, NOW, Forge, HandClock, claims
from hypothesis import example, given, settings
from hypothesis import strategies as st
from luajit import plain

from session_api import ids, keyring
from session_api.claims import Rules, TokenError
from session_api.tokens import Tokens

LIFE = 604800  # seconds, the longest life of a token
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
    *(f'"{"ж" * 79}"', f'"{"ж" * 257}"', '"a\\u0001b"', '"user@example.org"', '"abcdefghijklmnopqrstuv"'),
    *("[]", "{}", '{"a":1,"a":2}', '{"a":{}}', "[" * 14 + "1" + "]" * 14, "[" * 15 + "1" + "]" * 15),
]
NAMES = ["exp", "iat", "nbf", "iss", "deploymentVersion", "sid", "sub", "userId", "email", "other"]
NAMES += ["alg", "kid", "crit", "enc", "b64", "typ"]
# JSON numbers: of every size, such as Python and LuaJIT might read differently, and those near a verdict.
NUMBERS = (
    st.from_regex(r"-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,8})?", fullmatch=True)
    | st.builds(
        "{}{}e{}{}".format,
        st.sampled_from(["", "-"]),
        st.sampled_from(["0", "0.0", "1", "0.1", "18", "1.8", "9" * 400, "0." + "0" * 900 + "1"]),
        st.sampled_from(["", "+", "-"]),
        st.sampled_from(
            ["0", "5", "9", "09", "0009", "00009", "308", "309", "900", "9999", "10000", "1048575"]
        )
        | st.sampled_from(["1048576", "2147483648", "4294967305", "18446744073709551625", "9" * 100]),
    )
    | st.builds(lambda at: str(NOW + at), st.integers(-2 * LIFE, 2 * LIFE))
    | st.builds(lambda at: f"{NOW + at}.{'0' * 40}1", st.integers(-61, 61))
    | st.sampled_from(
        ["-0", "-0.0", "-0e5", "1" + "0" * 5000, "1800000000000", "1800000000e3", "1e5", "1E+05"]
    )
)
SPLICES = ["", "A", "=", ".", "_", "é", " ", ".."]
changes = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.sampled_from(VALUES)), max_size=3)


@pytest.fixture(scope="session")
def both(lua, tmp_path_factory):
    """(forge, proxy, api): what makes tokens, and what each says: (version, session, user), or why not."""
    directory = tmp_path_factory.mktemp("parity") / "keys"
    keyring.create(directory, ALGORITHMS[0], now=NOW - 3000)
    for algorithm in ALGORITHMS[1:]:
        keyring.rotate(directory, algorithm, now=NOW - 2000)
    index = (directory / "verify" / "keyring.json").read_bytes()
    keys = lua.module("keyring")[b"load"](str(directory / "verify").encode(), index)
    tokens = Tokens(keyring.Keyring(directory), HandClock(), Rules("bgctl", 60, LIFE))
    rules = lua.table({"issuer": "bgctl", "leeway": 60, "longest": LIFE})

    def proxy(token):
        said = lua.module("token")[b"verify"](token.encode("latin-1", "replace"), keys, rules, NOW)
        if isinstance(said, tuple):
            return plain(said[1])
        user = lua.module("ids")[b"user"](said[b"user"])
        return plain(said[b"version"]), plain(lua.module("ids")[b"session"](said[b"sid"], user)), plain(user)

    def api(token):
        try:
            known = tokens.verify(token)
        except TokenError as error:
            return error.reason
        user = ids.user(known.user_id) if known.user_id else None
        return known.version, ids.session(known.sid, user or ""), user

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


@settings(max_examples=1500)
@given(
    st.lists(
        st.tuples(st.sampled_from(["exp", "iat", "nbf", "other", "sid"]), NUMBERS), min_size=1, max_size=3
    )
)
@example([("other", "1e1048576")])
@example([("other", "1e-1048576")])
@example([("exp", "1e00000000001048576")])
def test_15_one_verdict_on_every_number(both, body):
    forge, proxy, api = both
    token = forge.token({}, spell(claims(), body))
    assert proxy(token) == api(token)


@pytest.mark.parametrize("exponent", ["1048576", "-1048576", "+99999", "00001"])
def test_15_an_exponent_of_five_digits_is_no_number_of_ours(both, exponent):
    forge, proxy, api = both
    token = forge.token({}, spell(claims(), [("other", f"1e{exponent}")]))
    assert proxy(token) == api(token) == "malformed"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"exp": NOW * 1000}, "too_long"),  # milliseconds
        ({"iat": NOW * 1000, "exp": (NOW + 600) * 1000}, "not_yet"),
        ({"exp": NOW + LIFE + 60}, None),
        ({"exp": NOW + LIFE + 61}, "too_long"),
        ({"iat": NOW - LIFE, "exp": NOW + 60}, None),
        ({"iat": NOW - LIFE, "exp": NOW + 61}, "too_long"),  # it was so from the start
        ({"iat": NOW + 60, "exp": NOW + LIFE + 61}, "too_long"),
        ({"exp": 2**53 - 1, "deploymentVersion": "-"}, "too_long"),
    ],
)
def test_a_token_that_lasts_for_too_long_is_refused_by_both(both, change, verdict):
    forge, proxy, api = both
    token = forge.token({}, claims(**change))
    assert proxy(token) == api(token) == (verdict or ("1.6.7", claims()["sid"], "u1"))


def test_a_token_without_iat_lasts_from_now_on(both):
    forge, proxy, api = both
    members = {name: value for name, value in claims(exp=NOW + LIFE + 60).items() if name != "iat"}
    assert (
        proxy(forge.token({}, members)) == api(forge.token({}, members)) == ("1.6.7", claims()["sid"], "u1")
    )
    late = forge.token({}, members | {"exp": NOW + LIFE + 61})
    assert proxy(late) == api(late) == "too_long"


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200) | st.sampled_from(
    ["x" * 200, "ж" * 79, "ж" * 256, "ж" * 257, "x" * 512, "x" * 513, "\x7f", "a" * 22, "a" * 21, "-_" * 11]
)


@settings(max_examples=1000)
@given(texts, texts)
def test_77_one_name_for_one_session_in_both_programs(lua, sid, user):
    module = lua.module("ids")
    name = module[b"user"](user.encode())
    assert plain(name) == ids.user(user)
    session = plain(module[b"session"](sid.encode(), name))
    assert session == ids.session(sid, ids.user(user))
    assert ids.RANDOM.fullmatch(session), "it fits wherever a session id of ours does"


def test_77_what_a_log_in_may_give_is_its_own_name(lua):
    for user in ("ж" * 79, "\U0001f600" * 128, "u" * 512):
        assert plain(lua.module("ids")[b"user"](user.encode())) == ids.user(user) == user
    for longer in ("ж" * 257, "u" * 513, "a\nb"):
        assert ids.user(longer).startswith("sha256-")


@settings(max_examples=300)
@given(texts, texts, texts)
def test_79_one_sid_of_two_users_is_two_sessions(sid, one, other):
    same = ids.RANDOM.fullmatch(sid) or ids.user(one) == ids.user(other)
    assert (ids.session(sid, ids.user(one)) == ids.session(sid, ids.user(other))) == bool(same)

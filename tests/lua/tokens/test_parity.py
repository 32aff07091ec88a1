"""The proxy and the session API give one verdict on every token, and one reason (threats 10 and 20).

And one name to its session and its user (threats 77 and 79).
"""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from session_api.keys import app_keys, keyring, signing_keys
from session_api.sessions import names
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import Tokens
from tests.lua.support.both import LIFE, Both, jws
from tests.lua.support.luajit import plain
from tests.unit.session_api.support.data import ALGORITHMS, NOW, claims
from tests.unit.session_api.support.forge import Forge

pytestmark = pytest.mark.whole

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
NAMES = ["exp", "iat", "nbf", "iss", "deploymentVersion", "sid", "sub", "userId", "user_id", "jti", "other"]
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
SECRET = b"the secret of an app's own tokens"
# Ids: as JSON writes whole numbers, and what is none.
IDS = [
    *(
        "42",
        "-7",
        "0",
        "-0",
        "42.0",
        "1e3",
        "4.2e1",
        "1.5",
        "-0.0",
        "1e-3",
        "9007199254740991",
        "9007199254740992",
    ),
    *("9007199254740993", "-9007199254740993", "9007199254740993.0", "1e16", "1e400", "12345678901234567890"),
    *(
        "9" * 39,
        "9" * 40,
        "-" + "9" * 39,
        "-" + "9" * 40,
        "9" * 41,
        "1" + "0" * 400,
        "true",
        "null",
        '""',
        "[]",
        "{}",
    ),
    *('"42"', '"\\u0416"', '"abcdefghijklmnopqrstuv"', '"x\\u0000y"', "[1]", '{"a":1}'),
]
SPLICES = ["", "A", "=", ".", "_", "é", " ", ".."]
changes = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | st.sampled_from(VALUES)), max_size=3)


@pytest.fixture(scope="session")
def both(lua, tmp_path_factory):
    """(forge, proxy, api): what makes tokens, and what each says."""
    directory = tmp_path_factory.mktemp("parity") / "keys"
    signing_keys.create(directory, ALGORITHMS[0], now=NOW - 3000)
    for algorithm in ALGORITHMS[1:]:
        signing_keys.rotate(directory, algorithm, now=NOW - 2000)
    app_keys.trust(directory, "HS256", SECRET, kid="app", now=NOW - 1000)
    two = Both(lua, directory)
    forge = Forge(directory)
    forge.keys["HS256"] = next(
        key for key in keyring.load(directory).keys.values() if key.private == key.public
    )
    return forge, two.proxy, two.api


def good(issued):
    return "1.6.7", claims()["sid"], "u1", None, issued


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


@pytest.mark.threat(15)
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


@pytest.mark.threat(15)
@pytest.mark.parametrize("exponent", ["1048576", "-1048576", "+99999", "00001"])
def test_15_an_exponent_of_five_digits_is_no_number_of_ours(both, exponent):
    forge, proxy, api = both
    token = forge.token({}, spell(claims(), [("other", f"1e{exponent}")]))
    assert proxy(token) == api(token) == "malformed"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({"exp": NOW * 1000}, "claims"),  # milliseconds
        ({"iat": NOW * 1000, "exp": (NOW + 600) * 1000}, "claims"),
        ({"exp": NOW + LIFE + 60}, None),
        ({"exp": NOW + LIFE + 61}, "too_long"),
        ({"iat": NOW - LIFE, "exp": NOW + 60}, None),
        ({"iat": NOW - LIFE, "exp": NOW + 61}, "too_long"),  # it was so from the start
        ({"iat": NOW + 60, "exp": NOW + LIFE + 61}, "too_long"),
        ({"exp": 10**11 - 1, "deploymentVersion": "-"}, "too_long"),
    ],
)
def test_a_token_that_lasts_for_too_long_is_refused_by_both(both, change, verdict):
    forge, proxy, api = both
    token = forge.token({}, claims(**change))
    assert proxy(token) == api(token) == (verdict or good(change.get("iat", NOW)))


def test_a_token_without_iat_lasts_from_now_on(both):
    forge, proxy, api = both
    members = {name: value for name, value in claims(exp=NOW + LIFE + 60).items() if name != "iat"}
    assert proxy(forge.token({}, members)) == api(forge.token({}, members)) == good(0)
    late = forge.token({}, members | {"exp": NOW + LIFE + 61})
    assert proxy(late) == api(late) == "too_long"


@settings(max_examples=1500)
@given(
    st.booleans(),
    st.lists(
        st.tuples(
            st.sampled_from(["userId", "user_id", "sub", "sid", "jti", "iat"]),
            st.none() | st.sampled_from(IDS) | NUMBERS,
        ),
        max_size=6,
    ),
)
def test_one_name_for_every_kind_of_id(both, foreign, body):
    forge, proxy, api = both
    if foreign:
        token = jws(SECRET, {"alg": "HS256"}, spell(claims(iss="shop"), body))
    else:
        token = forge.token({}, spell(claims(), body))
    assert proxy(token) == api(token)


@pytest.fixture(scope="module")
def two(lua, tmp_path_factory):
    """Both, over a ring that believes the app's secret."""
    directory = tmp_path_factory.mktemp("places") / "keys"
    signing_keys.create(directory, now=NOW - 3000)
    app_keys.trust(directory, "HS256", SECRET, kid="app", now=NOW - 1000)
    return Both(lua, directory)


# Names of claims, among them those of which a language might make something of its own; what may be there.
PARTS = ["app", "version", "1", "0", "__index", "__proto__", "constructor", "get", "items", "length", "n", ""]
places = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map(".".join)
told = st.recursive(
    st.sampled_from(["1.6.7", "1.6.8", "", "-", None, True, 0, 2**60, "x" * 65]),
    lambda inner: (
        st.dictionaries(st.sampled_from(PARTS), inner, max_size=3)
        | st.dictionaries(places, inner, max_size=2)
        | st.lists(inner, max_size=2)
    ),
    max_leaves=8,
)


@settings(max_examples=800)
@given(places.filter(bool), st.dictionaries(st.sampled_from(PARTS) | places, told, max_size=4), st.booleans())
@example("app.1", {"app": ["1.6.8"]}, True)
@example("...", {}, True)
@example("version.n", {"version": 2**60}, False)
def test_one_version_in_whatever_claim_it_is(two, name, members, is_ours_there):
    two.rules[b"version_claim"] = two.lua.module("tokens.claims")[b"version_claim"](name.encode())
    two.tokens = Tokens(two.keyring, two.clock, Rules("bgctl", 60, LIFE, name))
    own = claims(iss="shop")
    if not is_ours_there:
        del own["deploymentVersion"]
    token = jws(SECRET, {"alg": "HS256"}, json.dumps(own | members).encode())
    assert two.proxy(token) == two.api(token)


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200) | st.sampled_from(
    ["x" * 200, "ж" * 79, "ж" * 256, "ж" * 257, "x" * 512, "x" * 513, "\x7f", "a" * 22, "a" * 21, "-_" * 11]
)


@pytest.mark.threat(77)
@settings(max_examples=1000)
@given(texts, texts)
def test_77_one_name_for_one_session_in_both_programs(lua, sid, user):
    module = lua.module("lib.names")
    name = module[b"user"](user.encode())
    assert plain(name) == names.user(user)
    session = plain(module[b"session"](sid.encode(), name))
    assert session == names.session(sid, names.user(user))
    assert names.RANDOM.fullmatch(session), "it fits wherever a session id of ours does"


@pytest.mark.threat(77)
def test_77_what_a_log_in_may_give_is_its_own_name(lua):
    for user in ("ж" * 79, "\U0001f600" * 128, "u" * 512):
        assert plain(lua.module("lib.names")[b"user"](user.encode())) == names.user(user) == user
    for longer in ("ж" * 257, "u" * 513, "a\nb"):
        assert names.user(longer).startswith("sha256-")


@pytest.mark.threat(79)
@settings(max_examples=300)
@given(texts, texts, texts)
def test_79_one_sid_of_two_users_is_two_sessions(sid, one, other):
    same = names.RANDOM.fullmatch(sid) or names.user(one) == names.user(other)
    assert (names.session(sid, names.user(one)) == names.session(sid, names.user(other))) == bool(same)


@settings(max_examples=300)
@given(texts, texts)
def test_no_token_of_the_apps_has_the_name_of_a_session_of_ours(lua, sid, user):
    """A log-out with one of the app's tokens ends a session of the app's, whatever `sid` it names."""
    name = plain(lua.module("lib.names")[b"session"](sid.encode(), user.encode(), True))
    assert name == names.session(sid, user, foreign=True)
    assert name != sid

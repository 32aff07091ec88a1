"""Claims, and why they are not believed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_api.tokens.tokens import Tokens
from tests.unit.session_api.support.data import NOW, claims
from tests.unit.session_api.support.forge import Forge, json_values, reason


@pytest.mark.parametrize(
    ("email", "told"),
    [
        ("a" * 254, "a" * 254),
        ("a" * 255, None),
        ("", None),
        ("a\u202eb", None),
        ("a\x1b[2J", None),
        (7, None),
    ],
)
def test_an_email_is_one_that_a_log_in_may_give(
    tokens: Tokens, forge: Forge, email: object, told: str | None
) -> None:
    """Whoever has the app's key must not fill the store, nor an operator's screen."""
    assert tokens.verify(forge.token({}, claims(email=email))).email == told


def test_a_third_partys_token_needs_little(tokens: Tokens, forge: Forge) -> None:
    least = {"exp": NOW + 60, "iss": "bgctl", "deploymentVersion": "1.6.7"}
    assert reason(tokens, forge.token({}, least)) == "claims"
    believed = tokens.verify(forge.token({}, least | {"sub": "them"}))
    assert (believed.sid, believed.user_id) == (f"exp:{NOW + 60}", "them")
    believed = tokens.verify(forge.token({}, least | {"sub": "them", "iat": NOW - 5.5}))
    assert (believed.sid, believed.user_id, believed.issued_at) == (f"iat:{NOW - 6}", "them", NOW - 6)
    believed = tokens.verify(forge.token({}, least | {"sid": "this"}))
    assert (believed.sid, believed.user_id) == ("this", None)


NOT_VERSIONS = [
    None,
    1,
    1.6,
    True,
    ["1.6.7"],
    {"v": "1.6.7"},
    "",
    "1.6.7\0",
    "1.6.7\r\n",
    "1.6.7\n",
    " 1.6.7",
    "-1",
]
NOT_VERSIONS += ["\uff11.6.7", "1\u20246\u20247", "../1.6.7", "1.6.7;", "v" * 65, ".", "1 6"]
NO_USERS: list[Any] = [True, False, 1.5, 2.0**53, [], {}, ["u1"]]
NO_SESSIONS: list[Any] = [True, -0.5, 1e300, [], {}, ["s"]]


@pytest.mark.threat(14)
@pytest.mark.parametrize("version", NOT_VERSIONS)
def test_14_versions(tokens: Tokens, forge: Forge, version: Any) -> None:
    assert reason(tokens, forge.token({}, claims(deploymentVersion=version))) == "claims"


@pytest.mark.threat(14)
def test_14_no_version(tokens: Tokens, forge: Forge) -> None:
    without = claims()
    del without["deploymentVersion"]
    assert reason(tokens, forge.token({}, without)) == "claims"


@pytest.mark.threat(14)
@pytest.mark.parametrize(
    "change",
    [
        *({"userId": value} for value in NO_USERS),
        *({"sid": value} for value in NO_SESSIONS),
        *({"userId": None, "user_id": []}, {"userId": "", "sub": {}}, {"sid": None, "jti": []}),
        {"sid": "", "userId": None, "sub": None},
    ],
)
def test_14_names(tokens: Tokens, forge: Forge, change: Any) -> None:
    assert reason(tokens, forge.token({}, claims(**change))) == "claims"


@pytest.mark.threat(15)
@pytest.mark.parametrize(
    "value",
    [
        '"1800009999"',
        "null",
        "true",
        "[]",
        "{}",
        "100000000000",
        "1800009999000",
        "1e400",
        "-1e400",
        "-1",
        "9007199254740992",
        "1e300",
        "9" * 5000,
    ],
)
def test_15_exp_is_a_number_of_seconds(tokens: Tokens, forge: Forge, value: str) -> None:
    whole = json.dumps(claims(exp=0)).replace('"exp": 0', f'"exp": {value}')
    assert reason(tokens, forge.token({}, whole.encode())) == "claims"


@pytest.mark.threat(15)
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "0x6b49d200", "01800009999", "+1", "1.", ".5", "1_0"]
)
def test_15_what_is_not_json(tokens: Tokens, forge: Forge, value: str) -> None:
    for name in ("exp", "iat", "other"):
        whole = json.dumps(claims(other=0) | {name: "@"}).replace('"@"', value)
        assert reason(tokens, forge.token({}, whole.encode())) == "malformed"


@pytest.mark.threat(15)
@pytest.mark.parametrize(
    "value", ["1800604800", "1800604800.0", "1800604800.75", "1.8006048e9", "0.18006048E0010"]
)
def test_15_a_number_is_its_value(tokens: Tokens, forge: Forge, value: str) -> None:
    whole = json.dumps(claims(exp="@")).replace('"@"', value)
    assert reason(tokens, forge.token({}, whole.encode())) is None


@pytest.mark.threat(15)
def test_15_exp_missing(tokens: Tokens, forge: Forge) -> None:
    without = claims()
    del without["exp"]
    assert reason(tokens, forge.token({}, without)) == "claims"
    assert reason(tokens, forge.token({}, claims(nbf="soon"))) == "claims"
    assert reason(tokens, forge.token({}, claims(exp=None))) == "claims"
    assert reason(tokens, forge.token({}, claims(iat=None, nbf=None))) is None


@pytest.mark.threat(16)
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"exp": NOW - 60}, None),
        ({"exp": NOW - 61}, "expired"),
        ({"exp": NOW - 3600}, "expired"),
        ({"exp": 0}, "expired"),
        ({"iat": NOW + 60}, None),
        ({"iat": NOW + 61}, "not_yet"),
        ({"nbf": NOW + 60}, None),
        ({"nbf": NOW + 3600}, "not_yet"),
        ({"nbf": 99_999_999_999}, "not_yet"),
        ({"nbf": 100_000_000_000}, "claims"),
        ({"nbf": 2**53 - 1}, "claims"),
    ],
)
def test_16_leeway_is_bounded(tokens: Tokens, forge: Forge, change: Any, why: str | None) -> None:
    assert reason(tokens, forge.token({}, claims(**change))) == why


@pytest.mark.threat(18)
@pytest.mark.parametrize("iss", ["other", "", None, 1, ["bgctl"], "bgctl\n", "BGCTL"])
def test_18_another_issuer(tokens: Tokens, forge: Forge, iss: Any) -> None:
    assert reason(tokens, forge.token({}, claims(iss=iss))) == "issuer"


def test_the_first_reason_is_told(tokens: Tokens, forge: Forge) -> None:
    bad = claims(iss="other", exp=1, nbf=NOW * 2, deploymentVersion="")
    assert reason(tokens, forge.token({"alg": "HS256", "kid": "unknown", "crit": []}, bad)) == "crit"
    assert reason(tokens, forge.token({"alg": "HS256", "kid": "unknown"}, bad)) == "unknown_kid"
    assert reason(tokens, forge.token({"alg": "HS256"}, bad)) == "alg"
    assert reason(tokens, forge.token({}, bad)[:-4] + "AAAA") == "signature"
    assert reason(tokens, forge.token({}, bad)) == "issuer"
    bad["iss"] = "bgctl"
    assert reason(tokens, forge.token({}, bad)) == "expired"
    bad["exp"] = NOW
    assert reason(tokens, forge.token({}, bad)) == "not_yet"
    bad["nbf"] = NOW
    assert reason(tokens, forge.token({}, bad)) == "claims"


@given(st.dictionaries(st.sampled_from(sorted(claims(email=0, nbf=0))) | st.text(), json_values))
def test_any_claims_give_a_verdict(tokens: Tokens, forge: Forge, changes: dict[str, Any]) -> None:
    token = forge.token({}, claims(**changes))
    if reason(tokens, token) is None:
        assert isinstance(tokens.verify(token).expires_at, int)

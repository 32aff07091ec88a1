"""Tokens: what is believed, and why anything else is not."""

import hmac
import json
from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import pytest
from api_support import ALGORITHMS, NOW, Forge, HandClock, b64, claims
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import example, given
from hypothesis import strategies as st

from session_api import keyring
from session_api.algorithms import SECP256R1, EllipticCurvePublicKey
from session_api.claims import Rules, TokenError
from session_api.tokens import MAX_BYTES, MAX_TRIED, Tokens

N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # the order of P-256


def reason(tokens: Tokens, token: str) -> str | None:
    """Why the token is refused; None if it is not."""
    try:
        tokens.verify(token)
    except TokenError as error:
        return error.reason
    return None


def unb64(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "==")


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_a_good_token_of_every_algorithm(tokens: Tokens, forge: Forge, alg: str) -> None:
    believed = tokens.verify(forge.token({}, claims(email="a@b.c"), alg))
    assert (believed.version, believed.sid, believed.user_id) == ("1.6.7", "abcdefghijklmnopqrstuv", "u1")
    assert (believed.email, believed.issued_at, believed.expires_at) == ("a@b.c", NOW, NOW + 604800)


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


def test_what_is_signed_verifies(tokens: Tokens) -> None:
    token = tokens.sign(claims())
    header = json.loads(unb64(token.split(".")[0]))
    assert header == {"alg": "HS256", "kid": header["kid"], "typ": "JWT"}
    assert tokens.verify(token).user_id == "u1"


def test_a_third_partys_token_needs_little(tokens: Tokens, forge: Forge) -> None:
    least = {"exp": NOW + 60, "iss": "bgctl", "deploymentVersion": "1.6.7"}
    assert reason(tokens, forge.token({}, least)) == "claims"
    believed = tokens.verify(forge.token({}, least | {"sub": "them"}))
    assert (believed.sid, believed.user_id) == (f"exp:{NOW + 60}", "them")
    believed = tokens.verify(forge.token({}, least | {"sub": "them", "iat": NOW - 5.5}))
    assert (believed.sid, believed.user_id, believed.issued_at) == (f"iat:{NOW - 6}", "them", NOW - 6)
    believed = tokens.verify(forge.token({}, least | {"sid": "this"}))
    assert (believed.sid, believed.user_id) == ("this", None)


@pytest.mark.threat(1)
@pytest.mark.parametrize(
    ("header", "why"),
    [
        ({"alg": "none"}, "alg"),
        ({"alg": "NONE"}, "alg"),
        ({"alg": None}, "alg"),
        ({"alg": 1}, "alg"),
        ({"alg": ["EdDSA"]}, "alg"),
        ({"alg": "HS256"}, "alg"),
        ({"alg": "eddsa"}, "alg"),
    ],
)
def test_1_alg_is_exactly_the_keys(tokens: Tokens, forge: Forge, header: Any, why: str) -> None:
    assert reason(tokens, forge.token(header, claims())) == why


@pytest.mark.threat(1)
def test_1_alg_none_without_a_signature(tokens: Tokens, forge: Forge) -> None:
    kid = forge.keys["EdDSA"].kid
    for header in ({"alg": "none", "kid": kid}, {"kid": kid}):
        assert reason(tokens, f"{b64(header)}.{b64(claims())}.") == "malformed"
        assert reason(tokens, f"{b64(header)}.{b64(claims())}.AA") == "alg"


@pytest.mark.threat(2)
@pytest.mark.parametrize("alg", ["EdDSA", "ES256", "RS256"])
def test_2_a_public_key_is_no_hmac_secret(tokens: Tokens, forge: Forge, all_keys: Any, alg: str) -> None:
    pem = (all_keys / "verify" / f"{forge.keys[alg].kid}.pem").read_bytes()
    body = f"{b64({'alg': 'HS256', 'kid': forge.keys[alg].kid})}.{b64(claims())}"
    signature = hmac.digest(pem, body.encode(), "sha256")
    assert reason(tokens, f"{body}.{b64(signature)}") == "alg"


@pytest.mark.threat(3)
def test_3_only_compact_signed_tokens(tokens: Tokens, forge: Forge) -> None:
    good = forge.token({}, claims())
    for token in (
        "",
        ".",
        "..",
        good + ".",
        "." + good,
        good + ".e.f",
        good.rpartition(".")[0],
        f"[{good}]",
        good * 2,
    ):
        assert reason(tokens, token) == "malformed", token
    assert reason(tokens, json.dumps({"payload": b64(claims()), "signatures": []})) == "malformed"
    assert reason(tokens, forge.token({"enc": "A256GCM"}, claims())) == "crit"


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
        keyring.trust(keys, "HS256", f"the secret of app number {number}".encode() * 2, now=NOW)
    assert reason(tokens, forge.token(b'{"alg":"HS256"}', claims(), "HS256")) is None
    keyring.trust(keys, "HS256", b"one more than are tried, and none is", now=NOW)
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


@pytest.mark.threat(6)
@pytest.mark.parametrize(
    "header", [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": True}, {"crit": None}]
)
def test_6_extensions(tokens: Tokens, forge: Forge, header: Any) -> None:
    assert reason(tokens, forge.token(header, claims())) == "crit"


@pytest.mark.threat(7)
def test_7_es256_signatures(tokens: Tokens, forge: Forge) -> None:
    good = forge.token({}, claims(), "ES256")
    body, _, segment = good.rpartition(".")
    raw = unb64(segment)
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    public = forge.keys["ES256"].public
    assert isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    der = encode_dss_signature(r, s)
    assert decode_dss_signature(der) == (r, s)

    def pair(first: int, second: int) -> bytes:
        return first.to_bytes(32, "big") + second.to_bytes(32, "big")

    wrong = [
        pair(0, s),
        pair(r, 0),
        pair(0, 0),
        pair(N, s),
        pair(r, N),
        pair(N, N),
        pair(s, r),
        der,
        raw[:-1],
    ]
    wrong += [raw + b"\0", b"\0" + raw, raw[:32], b"\0" * 64, b"\xff" * 64]
    for signature in wrong:
        assert reason(tokens, f"{body}.{b64(signature)}") == "signature", signature.hex()
    assert reason(tokens, f"{body}.{b64(pair(r, s))}") is None


@pytest.mark.threat(8)
def test_8_rsa_padding(tokens: Tokens, forge: Forge) -> None:
    body, _, segment = forge.token({}, claims(), "RS256").rpartition(".")
    raw = unb64(segment)
    edits = [raw[:-1], raw + b"\0", b"\0" + raw, raw[1:], b"\0" * len(raw), b"\xff" * len(raw)]
    edits += [raw[:i] + bytes([raw[i] ^ 1]) + raw[i + 1 :] for i in (0, 1, 100, -1 % len(raw))]
    for signature in edits:
        assert reason(tokens, f"{body}.{b64(signature)}") == "signature"


@pytest.mark.threat(9)
@pytest.mark.parametrize("length", [1, 16, 31])
def test_9_a_truncated_tag(tokens: Tokens, forge: Forge, length: int) -> None:
    body, _, segment = forge.token({}, claims(), "HS256").rpartition(".")
    tag = unb64(segment)
    assert len(tag) == 32
    assert reason(tokens, f"{body}.{b64(tag[:length])}") == "signature"


@pytest.mark.threat(10)
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize(
    "edit", ["{}=", "{}==", "{} ", " {}", "{}\n", "{}\r\n", "\t{}", "{}+", "{}/", "{}A\u0391"]
)
def test_10_base64url_is_canonical(tokens: Tokens, forge: Forge, index: int, edit: str) -> None:
    segments = forge.token({}, claims()).split(".")
    segments[index] = edit.format(segments[index])
    assert reason(tokens, ".".join(segments)) == "malformed"


@pytest.mark.threat(10)
def test_10_trailing_bits(tokens: Tokens, forge: Forge) -> None:
    body, _, signature = forge.token({}, claims()).rpartition(".")  # 64 bytes: 86 characters, 4 bits to spare
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    value = alphabet.index(signature[-1])
    assert value % 16 == 0
    for spare in range(1, 16):
        assert reason(tokens, f"{body}.{signature[:-1]}{alphabet[value + spare]}") == "malformed"
    payload = b64(b"x" * 4)
    assert payload.endswith("A")
    header = b64({"alg": "EdDSA", "kid": forge.keys["EdDSA"].kid})
    assert reason(tokens, forge.sign(f"{header}.{payload[:-1]}B")) == "malformed"
    assert reason(tokens, forge.sign(f"{header}.{b64(claims())}A")) == "malformed"


@pytest.mark.threat(11)
def test_11_size_comes_first(tokens: Tokens, forge: Forge) -> None:
    token = forge.token({}, claims(pad=""))
    longest = forge.token({}, claims(pad="x" * ((MAX_BYTES - len(token)) * 3 // 4 - 4)))
    assert MAX_BYTES - 8 <= len(longest) <= MAX_BYTES
    assert reason(tokens, longest) is None
    assert reason(tokens, "!" * (MAX_BYTES + 1)) == "too_large"


@pytest.mark.threat(12)
@pytest.mark.parametrize("depth", [17, 1000, 3000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_12_deep_json(tokens: Tokens, forge: Forge, depth: int, brackets: str) -> None:
    opening = "[" if brackets == "[]" else '{"a":'
    deep = opening * (depth - 2) + "1" + brackets[1] * (depth - 2)
    whole = json.dumps(claims())[:-1] + f', "deep": {deep}}}'
    expected = "malformed" if len(whole) < 5000 else "too_large"
    assert reason(tokens, forge.token({}, whole.encode())) == expected
    assert reason(tokens, forge.token(whole.encode(), claims())) == expected


@pytest.mark.threat(12)
def test_12_sixteen_levels_are_fine(tokens: Tokens, forge: Forge) -> None:
    whole = json.dumps(claims())[:-1] + ', "deep": ' + "[" * 15 + "]" * 15 + "}"
    assert reason(tokens, forge.token({}, whole.encode())) is None


@pytest.mark.threat(13)
@pytest.mark.parametrize("key", ["deploymentVersion", "exp", "iss", "anything"])
def test_13_duplicate_keys(tokens: Tokens, forge: Forge, key: str) -> None:
    whole = json.dumps({key: "1.6.8"} | claims())[:-1] + f', "{key}": "1.6.8"}}'
    assert reason(tokens, forge.token({}, whole.encode())) == "malformed"
    escaped = json.dumps({key: 1})[:-1] + f', "\\u{ord(key[0]):04x}{key[1:]}": 2}}'
    assert reason(tokens, forge.token({}, escaped.encode())) == "malformed"
    assert reason(tokens, forge.token(b'{"alg":"EdDSA","kid":"a","kid":"b"}', claims())) == "malformed"
    nested = json.dumps(claims())[:-1] + ', "more": {"a": 1, "a": 2}}'
    assert reason(tokens, forge.token({}, nested.encode())) == "malformed"


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
        *({"userId": value} for value in (True, False, 1.5, 2.0**53, [], {}, ["u1"])),
        *({"sid": value} for value in (True, -0.5, 1e300, [], {}, ["s"])),
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


@pytest.mark.threat(19)
def test_19_both_keys_verify_for_the_window(keys: Any, forge: Forge) -> None:
    clock = HandClock()
    tokens = Tokens(keyring.Keyring(keys), clock, Rules("bgctl", 60, 10**7))
    old = forge.token({}, claims(exp=NOW + 10**7), "HS256")
    keyring.rotate(keys, "EdDSA", now=NOW)
    clock.now = NOW + keyring.SETTLE
    new = tokens.sign(claims(exp=NOW + 10**7))
    assert (reason(tokens, old), reason(tokens, new)) == (None, None)
    clock.now = NOW + keyring.KEEP - 1
    assert reason(tokens, old) is None
    clock.now = NOW + keyring.KEEP
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


def test_invalid_utf8_and_half_surrogates(tokens: Tokens, forge: Forge) -> None:
    for bad in (b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\\ud800", b"\\udc00\\ud800"):
        whole = json.dumps(claims(userId="@")).encode().replace(b"@", bad)
        assert reason(tokens, forge.token({}, whole)) == "malformed", bad
    for whole in (
        b"\xef\xbb\xbf{}",
        json.dumps(claims()).encode("utf-16"),
        b"[]",
        b'"a"',
        b"1",
        b"",
        b"{} {}",
    ):
        assert reason(tokens, forge.token({}, whole)) == "malformed", whole


def test_the_key_set_shows_no_secret(tokens: Tokens, forge: Forge) -> None:
    shown = {key["alg"]: key for key in tokens.key_set()["keys"]}
    assert set(shown) == {"EdDSA", "ES256", "RS256"}
    assert not any(set(key) & {"d", "p", "q", "k", "key_ops"} for key in shown.values())
    assert {key["use"] for key in shown.values()} == {"sig"}


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
@example("e30.e30.")
@example("bnVsbA.bnVsbA.")
def test_any_text_is_refused_calmly(tokens: Tokens, text: str) -> None:
    assert reason(tokens, text) is not None


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(claims(email=0, nbf=0))) | st.text(), json_values))
def test_any_claims_give_a_verdict(tokens: Tokens, forge: Forge, changes: dict[str, Any]) -> None:
    token = forge.token({}, claims(**changes))
    if reason(tokens, token) is None:
        assert isinstance(tokens.verify(token).expires_at, int)


@given(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "enc", "b64", "jwk"]) | st.text(), json_values
    )
)
def test_any_header_gives_a_verdict(tokens: Tokens, forge: Forge, changes: dict[str, Any]) -> None:
    verdict = reason(tokens, forge.token(changes, claims()))
    assert (verdict is None) <= (changes.keys().isdisjoint({"alg", "kid", "crit", "enc", "b64"}))


@given(st.sampled_from(ALGORITHMS), st.integers(0, 400), st.characters(codec="ascii"))
def test_a_changed_character_is_noticed(
    tokens: Tokens, forge: Forge, alg: str, position: int, character: str
) -> None:
    token = forge.token({}, claims(), alg)
    position %= len(token)
    if token[position] != character:
        assert reason(tokens, token[:position] + character + token[position + 1 :]) is not None

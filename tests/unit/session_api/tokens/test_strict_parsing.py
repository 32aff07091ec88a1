"""Tokens that are no JWS, no base64url or no strict JSON."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from session_api.tokens.tokens import MAX_BYTES, Tokens
from tests.unit.session_api.support.data import b64, claims
from tests.unit.session_api.support.forge import Forge, reason


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


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*"))
@example("e30.e30.")
@example("bnVsbA.bnVsbA.")
def test_any_text_is_refused_calmly(tokens: Tokens, text: str) -> None:
    assert reason(tokens, text) is not None

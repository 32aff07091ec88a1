"""The tokens that the RFCs print: 7515 (appendix A), 7519 and 8037. Both programs verify what verifies."""

from __future__ import annotations

import json

import pytest

from session_api.keys import app_keys, signing_keys
from tests.lua.support.both import Both
from tests.unit.session_api.support.data import NOW, b64
from tests.unit.session_api.support.forge import unb64
from toolkit.jwks import key_set

EXPIRES = 1300819380  # the `exp` of their claims
CLAIMS = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
SECRET = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
RSA = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4Ql"
    "L-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUs"
    "LA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoud"
    "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
P256 = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
P521 = {
    "kty": "EC",
    "crv": "P-521",
    "x": "AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk",
    "y": "ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2",
}
ED25519 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
# Name, key, token, and what is said of it once its signature is good: their claims name no version of ours,
# and two payloads are no claims at all.
VECTORS = [
    (
        "RFC 7515 A.1, RFC 7519 3.1",
        ("HS256", SECRET),
        f"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{CLAIMS}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "claims",
    ),
    (
        "RFC 7515 A.2",
        ("RS256", RSA),
        f"eyJhbGciOiJSUzI1NiJ9.{CLAIMS}."
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdb"
        "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383"
        "LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
        "wlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        "claims",
    ),
    (
        "RFC 7515 A.3",
        ("ES256", P256),
        f"eyJhbGciOiJFUzI1NiJ9.{CLAIMS}."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        "claims",
    ),
    (
        "RFC 7515 A.4",
        ("ES512", P521),
        "eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA."
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgo"
        "XD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
        "malformed",
    ),
    (
        "RFC 8037 A.4",
        ("EdDSA", ED25519),
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        "malformed",
    ),
]
REFUSED = {
    "RFC 7515 A.5, RFC 7519 6.1: unsecured": f"eyJhbGciOiJub25lIn0.{CLAIMS}.",
    "RFC 7515 A.7: flattened JSON": json.dumps(
        {"payload": CLAIMS, "protected": "eyJhbGciOiJFUzI1NiJ9", "header": {"kid": "e"}, "signature": "DtEh"}
    ),
    "RFC 7515 E: a crit that nobody knows": "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5E"
    "RUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydWUNCn0.RkFJTA.",
}


@pytest.fixture
def both(lua, tmp_path):
    """Both programs with these keys, by the kid of their algorithm, at a time when the claims are good."""
    directory = tmp_path / "keys"
    signing_keys.create(directory, "HS256", now=NOW - 60)
    for _, (alg, key), _, _ in VECTORS:
        if isinstance(key, str):
            content = unb64(key)
        else:
            content = key_set.read(json.dumps({"keys": [key]}).encode(), alg).keys[0].public.encode()
        app_keys.trust(directory, alg, content, kid=alg, now=NOW - 60)
    made = Both(lua, directory)
    made.clock.now = EXPIRES - 60
    return made


@pytest.mark.parametrize(
    ("token", "said"), [vector[2:] for vector in VECTORS], ids=[each[0] for each in VECTORS]
)
def test_a_printed_token_has_a_good_signature(both, token, said):
    assert both.proxy(token) == both.api(token) == said
    assert both.why(token)[0] != "signature"


@pytest.mark.threat(7)
@pytest.mark.parametrize("token", [vector[2] for vector in VECTORS], ids=[each[0] for each in VECTORS])
def test_07_a_bit_of_its_signature_is_all_that_it_takes(both, token):
    head, body, tail = token.split(".")
    raw = unb64(tail)
    for at in (0, len(raw) // 2, len(raw) - 1):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        forged = f"{head}.{body}.{b64(changed)}"
        assert both.proxy(forged) == both.api(forged) == "signature"
    other = f"{head}.{body[:-2]}{'Q' if body[-2] != 'Q' else 'A'}{body[-1]}.{tail}"
    assert both.proxy(other) == both.api(other)
    assert both.api(other) in ("signature", "malformed")


@pytest.mark.threat(1)
@pytest.mark.parametrize("token", REFUSED.values(), ids=REFUSED)
def test_01_what_the_rfcs_leave_to_the_application_is_refused(both, token):
    assert both.proxy(token) == both.api(token) == "malformed"

"""Makes tokens that no honest issuer would make, and says why a token is refused."""

from base64 import urlsafe_b64decode
from pathlib import Path
from typing import Any

import jwt
from hypothesis import strategies as st

from session_api.keys import keyring
from session_api.tokens.claims import TokenError
from session_api.tokens.tokens import Tokens
from tests.unit.session_api.support.data import NOW, b64


class Forge:
    """Makes tokens that no honest issuer would, rightly signed all the same."""

    def __init__(self, directory: Path) -> None:
        self.keys = {key.alg: key for key in keyring.load(directory).keys.values()}

    def token(self, header: Any, claims: Any, alg: str = "EdDSA") -> str:
        """Sign `header` and `claims` (a dict, or bytes as they are) with the key of `alg`."""
        key = self.keys[alg]
        if isinstance(header, dict):
            header = {"alg": alg, "kid": key.kid, "typ": "JWT"} | header
        return self.sign(f"{b64(header)}.{b64(claims)}", alg)

    def sign(self, body: str, alg: str = "EdDSA") -> str:
        """Sign two segments, whatever they are."""
        signature = jwt.get_algorithm_by_name(alg).sign(body.encode(), self.keys[alg].private)
        return f"{body}.{b64(signature)}"


def third_party(forge: Forge, **changes: Any) -> str:
    """A token of somebody else's, which has a `sub` and no `sid`."""
    least = {"exp": NOW + 90_000, "iat": NOW, "iss": "bgctl", "deploymentVersion": "1.6.7", "sub": "them"}
    return forge.token({}, least | changes)


def reason(tokens: Tokens, token: str) -> str | None:
    """Why the token is refused; None if it is not."""
    try:
        tokens.verify(token)
    except TokenError as error:
        return error.reason
    return None


def unb64(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "==")


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

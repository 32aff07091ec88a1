"""The proxy and the session API side by side: what each says of a token."""

from __future__ import annotations

import hmac

from session_api.keys import keyring
from session_api.sessions import names
from session_api.tokens.claims import Rules, TokenError
from session_api.tokens.tokens import Tokens
from tests.lua.support.luajit import plain
from tests.unit.session_api.support.data import HandClock, b64

LIFE = 604800  # seconds, the longest life of a token


class Both:
    """The proxy and the session API over the keys in one directory."""

    def __init__(self, lua, directory, version_claim="deploymentVersion"):
        ring = lua.module("tokens.keyring")
        index = ring[b"index"](str(directory / "verify").encode())
        self.lua = lua
        self.keys = ring[b"load"](str(directory / "verify").encode(), index)
        self.rules = lua.table({"issuer": "bgctl", "leeway": 60, "longest": LIFE})
        self.rules[b"by_alg"] = ring[b"by_alg"](self.keys)
        self.rules[b"version_claim"] = lua.module("tokens.claims")[b"version_claim"](version_claim.encode())
        rules = Rules("bgctl", 60, LIFE, version_claim)
        self.clock = HandClock()
        self.keyring = keyring.Keyring(directory)
        self.tokens = Tokens(self.keyring, self.clock, rules)

    def proxy(self, token):
        """(version, session, user, generation, issued), or why not.

        Without a version the session has a "~" after it where all tokens of the user are one session.
        """
        text, now = token.encode("latin-1", "replace"), int(self.clock())
        said = self.lua.module("tokens.token")[b"verify"](text, self.keys, self.rules, now)
        told = [plain(fault[b"reason"]) for fault in self.faults(text, now)]
        if isinstance(said, tuple):
            assert plain(said[1]) == told[0], "what is explained is what is counted"
            return plain(said[1])
        assert not told
        user = self.lua.module("lib.names")[b"user"](said[b"user"])
        name = plain(self.lua.module("lib.names")[b"session"](said[b"sid"], user, said[b"foreign"]))
        name += "~" if said[b"is_shared"] else ""
        version, generation = plain(said[b"version"]), plain(said[b"generation"])
        return version, name, plain(user), generation, said[b"issued"]

    def faults(self, text, now):
        return self.lua.module("tokens.token")[b"faults"](text, self.keys, self.rules, now).values()

    def why(self, token):
        """All that the proxy explains of it."""
        return [
            plain(fault[b"why"]) or plain(fault[b"reason"])
            for fault in self.faults(token.encode(), int(self.clock()))
        ]

    def api(self, token):
        """The same of the session API."""
        try:
            known = self.tokens.verify(token)
        except TokenError as error:
            return error.reason
        user = names.user(known.user_id) if known.user_id else None
        name = names.session(known.sid, user or "", foreign=known.foreign)
        assert (known.version is not None) == (known.says == "version")
        name += "~" if known.says == "user" else ""
        return known.version, name, user, known.generation, known.issued_at


def jws(secret, header, body):
    """An HS256 token: `body` as a dictionary, or as it is."""
    signed = f"{b64(header)}.{b64(body)}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"

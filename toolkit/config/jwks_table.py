"""The tables [jwks.NAME] of bgctl.toml: where identity providers list the keys of their tokens."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated

from msgspec import Meta

from toolkit.config.kinds import Path
from toolkit.config.table import Table, Where
from toolkit.values import Duration, Text

MOST = 8  # tables
LEAST, LONGEST = Duration.parse("1m"), Duration.parse("1d")


class KeysUrl(Text):
    """Where a JWK Set is (RFC 7517): by HTTPS, or on this machine; empty: it is in a file."""

    kind, like = "the HTTPS address of a JWK Set", "https://login.example/.well-known/jwks.json"
    pattern = re.compile(
        r"https://[A-Za-z0-9.:\[\]-]+(/[!-~]*)?"
        r"|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?(/[!-~]*)?|"
    )


class RsaAlgorithm(Text):
    kind, like = "an algorithm of RSA keys (RS256, RS384, RS512, PS256, PS384, PS512)", "RS256"
    pattern = re.compile(r"[RP]S(256|384|512)")


class KeySet(Table, frozen=True):
    """The keys of one provider, at an address or in a file below the project's folder.

    `issuer` and `audience` are what the provider's tokens must have as `iss` and in `aud`; "": anything.
    `algorithm` is that of RSA keys which name none, `interval` the time between two looks, and `ca_file` what
    the address is trusted by; "": what this machine trusts.
    """

    url: KeysUrl = KeysUrl("")
    file: Path = Path("")
    ca_file: Path = Path("")
    issuer: Annotated[str, Meta(max_length=200)] = ""
    audience: Annotated[str, Meta(max_length=200)] = ""
    algorithm: RsaAlgorithm = RsaAlgorithm("RS256")
    interval: Duration = Duration(5 * 60)

    @property
    def place(self) -> str:
        return str(self.url or self.file)


def problems(tables: Mapping[str, KeySet]) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    if len(tables) > MOST:
        yield ("jwks",), f"has {len(tables)} tables; keep {MOST} at most"
    for name, table in tables.items():
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,40}", name):
            yield ("jwks", name), 'cannot be the name of a provider; use small letters, digits and "-"'
        if bool(table.url) == bool(table.file):
            yield ("jwks", name), f'needs url or file, and one of them alone; write url = "{KeysUrl.like}"'
        if not LEAST <= table.interval <= LONGEST:
            yield ("jwks", name, "interval"), 'must be from 1m to 1d; write interval = "5m"'

"""jwks.json: the keys of identity providers, which bgctl has fetched and checked ([jwks.NAME] in bgctl.toml).

It lies beside keyring.json, and is read by the session API, bgctl and the proxy. The key ring has no part in
it: a fetch, which happens by itself, never writes where `bgctl keys` does.
"""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from session_api.files.atomic import Owner
from session_api.keys import algorithms, document
from session_api.keys.document import Algorithm, KeyringError, Moment, Name

# A provider names its keys as it likes (RFC 7517, 4.5); here: printable ASCII.
TheirKid = Annotated[str, msgspec.Meta(pattern=r"\A[ -~]{1,256}\Z")]


class IssuerKey(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One key: `public` is it as PEM. Without a `kid` it is tried on tokens that name none.

    `retire_at` is set once the provider lists it no more: from then on it is not believed.
    """

    alg: Algorithm
    public: str
    seen_at: Moment
    kid: TheirKid | None = None
    retire_at: Moment | None = None

    @property
    def name(self) -> str:
        """What it is called where people read of it."""
        return self.kid or "(no kid)"


class Source(msgspec.Struct, frozen=True, omit_defaults=True):
    """The keys of one [jwks.NAME], and the `iss` and `aud` that their tokens must have; None for any."""

    name: Name
    keys: list[IssuerKey]
    issuer: Name | None = None
    audience: Name | None = None


class IssuerKeys(msgspec.Struct, frozen=True):
    """The whole of jwks.json."""

    schema: Literal[1]
    sources: list[Source]


def place(directory: Path) -> Path:
    """Where it lies below keys/."""
    return directory / "verify" / "jwks.json"


def read(directory: Path) -> list[Source]:
    """Read jwks.json, empty where there is none. Raises KeyringError."""
    path = place(directory)
    try:
        return msgspec.json.decode(path.read_bytes(), type=IssuerKeys).sources
    except FileNotFoundError:
        return []
    except OSError as error:
        raise KeyringError(f"{path} cannot be read: {error.strerror}", f"ls -l {path}") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise KeyringError(f"{path} is no list of keys: {error}", f"rm {path}; bgctl keys refresh") from error


def write(directory: Path, sources: list[Source], owner: Owner | None) -> None:
    """Replace jwks.json: from now on these keys are in force. Raises OSError."""
    text = msgspec.json.format(msgspec.json.encode(IssuerKeys(1, sources)), indent=2)
    document.write_file(place(directory), text + b"\n", owner)


def public(directory: Path, key: IssuerKey) -> algorithms.PublicKey:
    """The key itself. Raises KeyringError if it is unfit for its algorithm."""
    path = place(directory)
    mend = f"rm {path}; bgctl keys refresh"
    if key.alg in algorithms.SECRET_BYTES:
        raise KeyringError(f"{path}: {key.name} is a secret", mend)
    try:
        return algorithms.public_key(key.alg, key.public.encode())
    except ValueError as error:
        raise KeyringError(f"{path}: {key.name} {error}", mend) from error

"""Our account with an authority: its private key, and where the authority keeps it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from toolkit.errors import Refused
from toolkit.files import atomic, disk
from toolkit.project import Project

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec
    from josepy.jwk import JWKEC

KEY, RECORD = "account.key", "account.json"


class Record(Struct, frozen=True):
    """An account that has been registered: with which authority and e-mail address, and its address there."""

    directory: str
    email: str
    uri: str


def folder(project: Project) -> Path:
    """keys/acme/, which no container mounts. Only its owner may look into it."""
    found = project.keys_dir / "acme"
    try:
        found.mkdir(parents=True, exist_ok=True)
        found.chmod(0o700)
        if project.owner:
            os.chown(found, *project.owner)
    except OSError as error:
        raise disk.unwritten(found, error, "cannot be made") from None
    return found


def key(project: Project) -> "JWKEC":
    """The account's key, made when it is first needed. Raises Refused where it cannot be used."""
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from josepy.jwk import JWKEC

    path = folder(project) / KEY
    try:
        if not path.exists():
            write(project, path, private_pem(ec.generate_private_key(ec.SECP256R1())))
        found = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(path, str(error)) from None
    if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != "secp256r1":
        raise _unusable(path, "it is no key on the curve P-256")
    return JWKEC(key=found)


def private_pem(key: "ec.EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write(project: Project, path: Path, data: bytes) -> None:
    """Writes a file that only its owner may read."""
    atomic.write(path, data, mode=0o600, owner=project.owner)


def record(project: Project) -> Record | None:
    """Of the authority that bgctl.toml names; None: there is no account with it yet."""
    try:
        found = msgspec.json.decode((folder(project) / RECORD).read_bytes(), type=Record)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if found.directory == project.config.acme.directory else None


def note(project: Project, uri: str) -> None:
    acme = project.config.acme
    found = Record(str(acme.directory), str(acme.email), uri)
    write(project, folder(project) / RECORD, msgspec.json.encode(found) + b"\n")


def forget(project: Project) -> None:
    """The authority does not know the account any more."""
    (folder(project) / RECORD).unlink(missing_ok=True)


def _unusable(path: Path, why: str) -> Refused:
    aside = f"mv {path} {path}.broken   (another account is made then), and: bgctl certificate"
    return Refused(f"{path} is no account key", why, aside)

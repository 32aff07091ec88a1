"""Looks into a keys/ folder, and edits it by hand."""

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from session_api.keys import key_files


def listed(directory: Path) -> dict[str, Any]:
    return json.loads((directory / "verify" / "keyring.json").read_text())


def files(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}


def former(keys: Path) -> dict[str, str]:
    """Lays the keys as they lay before they had folders; returns what is in them."""
    for name in key_files.NAMES:
        key_files.place(keys, name).rename(key_files.former_place(keys, name))
        key_files.place(keys, name).parent.rmdir()
    return {name: key_files.former_place(keys, name).read_text() for name in key_files.NAMES}


def edit(directory: Path, change) -> None:
    text = listed(directory)
    change(text)
    (directory / "verify" / "keyring.json").write_text(json.dumps(text))


def pems(key) -> tuple[bytes, bytes]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def put(directory: Path, alg: str, private: bytes, public: bytes) -> None:
    """Make the signing key one of `alg` with these halves."""
    name = f"k-20270115-1.{'secret' if alg == 'HS256' else 'pem'}"
    edit(directory, lambda text: text["keys"][0].update(alg=alg, file=name))
    for folder, content in (("signing", private), ("verify", public)):
        (directory / folder / name).write_bytes(content)
        (directory / folder / name).chmod(0o640)

"""Password files for Basic authentication (RFC 7617): checked, and copied to proxy/passwords/.

As with certificates, a copy is named by a digest of it, and written before nginx.conf names it.
"""

import hashlib
import os
import re
from collections.abc import Collection
from pathlib import Path

from toolkit.errors import Refused
from toolkit.files import disk
from toolkit.project import Project

FOLDER = "passwords"  # below proxy/
# Each request has its password hashed anew, and its worker does nothing else meanwhile: so hashes that take
# long, such as yescrypt and bcrypt of a cost above 8, are refused.
HASH = re.compile(r"\$apr1\$.+|\{S?SHA\}.+|\$2[aby]\$0[4-8]\$.+|\$[156]\$(?!rounds=).+")
MAKE = """printf 'NAME:%s\\n' "$(openssl passwd -apr1)" >> FILE"""  # which asks for it


def read(path: Path, name: str, where: str) -> bytes:
    """The file at `path`, called `name`, that the line `where` names. Raises Refused, without its text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise Refused(f"{where} names {name}", why, MAKE.replace("FILE", name)) from None
    users = 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, rest = line.partition(":")
        if not user or not colon or not HASH.fullmatch(rest.partition(":")[0]):
            why = "is not NAME:HASH with a hash that is quick enough (apr1, SHA, bcrypt up to cost 8)"
            raise Refused(f"{name}:{number}", why, f"remove it, then: {MAKE.replace('FILE', name)}")
        users += 1
    if not users:
        raise Refused(f"{name} has no user", f"{where} lets in who is in it", MAKE.replace("FILE", name))
    return text.encode()


def place(data: bytes) -> str:
    """The path of the copy, below proxy/."""
    return f"{FOLDER}/{hashlib.sha256(data).hexdigest()[:24]}"


def make_folder(project: Project) -> None:
    if not project.config.proxy.include:
        return
    folder = project.proxy_dir / FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o750)
        if project.owner:
            os.chown(folder, *project.owner)
    except OSError as error:
        raise disk.unwritten(folder, error, "cannot be prepared") from None


def prune(project: Project, kept: Collection[str]) -> None:
    """Removes the copies that the proxy no longer reads; `kept` are paths below proxy/."""
    for path in (project.proxy_dir / FOLDER).glob("*"):
        if f"{FOLDER}/{path.name}" not in kept:
            path.unlink(missing_ok=True)

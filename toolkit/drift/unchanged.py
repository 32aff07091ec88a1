"""Remembers that a look found no difference, until something changes of which that look was made.

To look takes half a second of CPU: the compose command prints its files, and nginx.conf is rendered. Nothing
is remembered of a look that found something, or whose files are not all known. docs/decisions/0090 says what
counts.
"""

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from toolkit.errors import BgctlError
from toolkit.files import looked_file, started_file
from toolkit.files.looked_file import Looked
from toolkit.project import Project

T = TypeVar("T")
HOLDS = 3600.0  # seconds: the libraries of a compose command may change, and its own file does not show it
# Variables that steer compose commands and their engines, whether a file names them or not.
STEERING = ("BGCTL_IMAGES", "COMPOSE_", "CONTAINER", "DOCKER_", "HOME", "PODMAN_", "PYTHON", "XDG_")
LAST_COMMAND = "_"  # a shell's own: another one each time, and part of nearly every text


def look(
    project: Project,
    facts: object,
    files: Callable[[], Sequence[Path] | None],
    find: Callable[[], list[T]],
) -> list[T]:
    """What `find` finds; it is not called where it would find nothing, as the last time.

    `files()` are all that it reads, None: they are not all known. `facts` are what it is made of beside those
    and the environment; its `repr` has to tell them apart.
    """
    key = started_file.key(project.keys_dir)
    if key is None:
        return find()
    known, now = looked_file.read(project.state_dir), project.now().timestamp()
    if known and 0 <= now - known.at < HOLDS and known.digest == _digest(key, known.files, facts):
        return []
    read = _names(files())
    before = _digest(key, read, facts) if read else ""
    found = find()
    # A file that was written meanwhile may have been read before or after that.
    if read and not found and read == _names(files()) and before == _digest(key, read, facts):
        with suppress(BgctlError):  # whoever may not write there looks again
            looked_file.write(project.state_dir, Looked(read, before, now))
    return found


def _names(files: Sequence[Path] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(map(str, files or ())))


def _digest(key: bytes, files: Iterable[str], facts: object) -> str:
    """Keyed, as the hashes of settings are: containers see state/, and some of these files have secrets."""
    contents = {name: _content(name) for name in files}
    texts = [each for each in contents.values() if each is not None]
    told = sorted(pair for pair in os.environ.items() if _counts(pair[0], texts))
    hashes = [(name, each and hashlib.sha256(each).hexdigest()) for name, each in contents.items()]
    return hmac.new(key, repr((facts, told, hashes)).encode(), hashlib.sha256).hexdigest()


def _counts(variable: str, texts: Iterable[bytes]) -> bool:
    """Whether a variable may be replaced in one of these texts, or steers who reads them."""
    name = os.fsencode(variable)
    return variable.startswith(STEERING) or (variable != LAST_COMMAND and any(name in each for each in texts))


def _content(name: str) -> bytes | None:
    """None for a file that is not there: it may come."""
    try:
        return Path(name).read_bytes()
    except OSError:
        return None

"""On a swarm: whether a change is made with the files with which the last one was made, at another place.

A place is a folder of a host, such as one of each manager. What is edited where the last change was made, is
what its operator wants. At any other place it may be an old copy, and to start something from that would take
back what was changed since.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import msgspec

from toolkit import __version__
from toolkit.cluster.last_files import LastFiles
from toolkit.drift import fingerprints
from toolkit.engine import compose_inputs
from toolkit.errors import BgctlError, Refused
from toolkit.files import env_file, started_file
from toolkit.files.env_file import VERSIONS
from toolkit.files.lock import whoami
from toolkit.project import Project
from toolkit.rendering import inputs, tls_files
from toolkit.values import stamp

BGCTL = "bgctl itself"  # another version of it renders other files
TAKE = "bgctl up --these-files"


def check(project: Project) -> None:
    """Raises Refused where another place has made the last change, with other files."""
    if found := differing(project):
        last, names = found
        raise Refused(_what(names), _why(last), f"copy them from there; or go on with those of here: {TAKE}")


def differing(project: Project) -> tuple[LastFiles, list[str]] | None:
    """The last change at another place, and the files in which this place differs; None: there is nothing."""
    last = project.cluster.files() if project.cluster else None
    if last is None or last.place == place(project):
        return None
    names = here(project, started_file.key(project.keys_dir) or b"").differing(last)
    return (last, names) if names else None


def told(project: Project) -> str | None:
    """As `differing`, in words; None as well where Redis does not say."""
    try:
        found = differing(project)
    except BgctlError:
        return None
    return f"{_what(found[1])}: {_why(found[0])}" if found else None


@contextmanager
def brought(project: Project) -> Iterator[None]:
    """Notes the files of this place, once something may have been started with them, whatever comes of it."""
    try:
        yield
    except Refused:
        raise
    except BaseException:
        _note(project)
        raise
    _note(project)


def here(project: Project, key: bytes) -> LastFiles:
    """The files of this place now. The versions in the env file do not count, because bgctl writes them."""
    prints = fingerprints.of(_texts(project), key)
    now = stamp(project.now())
    return LastFiles(
        place(project), whoami(), project.command, now, fingerprints.name_of(key) if key else "", prints
    )


def place(project: Project) -> str:
    return f"{socket.gethostname()}:{project.root}"


def _what(names: list[str]) -> str:
    are = "is not the one" if len(names) == 1 else "are not those"
    return f"{', '.join(names)} {are} of the last change"


def _why(last: LastFiles) -> str:
    return f"that was {last.words}"


def _note(project: Project) -> None:
    """The same files stay those of the place that has noted them first."""
    if not project.cluster:
        return
    try:
        now, last = here(project, started_file.make_key(project.keys_dir)), project.cluster.files()
        if last is None or now.differing(last):
            project.cluster.note_files(now)
    except (BgctlError, OSError) as error:
        project.ui.warn(f"which files this was made with is not noted: {error}")


def _texts(project: Project) -> dict[str, str]:
    """What each file has, by its name. One that cannot be read is left out, as one that is not there."""
    root = project.root
    composed = compose_inputs.of(project.compose_files, root) or project.compose_files
    rendered = [root / name for name in inputs.named(project.config, root)]
    keys = [path for path in sorted(project.keys_dir.rglob("*")) if path.name != started_file.KEY.name]
    found = {BGCTL: __version__, project.env_path.name: _settings(project)}
    made = [tls_files.folder(project) / tls_files.QUIC_KEY]
    for path in dict.fromkeys([project.config_path, *composed, *rendered, *keys, *made]):
        name = str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
        with suppress(OSError):
            found.setdefault(name, path.read_bytes().hex())
    return found


def _settings(project: Project) -> str:
    """What the env file says beside the versions, whichever those are. Raises Refused where it is broken."""
    project.env()
    found, _ = env_file.read(project.env_path.read_text())
    values = env_file.resolve(found, dict.fromkeys(VERSIONS, ""), known={})
    return msgspec.json.encode(values, order="sorted").decode()

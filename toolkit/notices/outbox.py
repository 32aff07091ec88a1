"""Notices wait in state/notices/ until [notify] url has taken them. None is ever in the way of a release.

Each is tried when it is made, and again at each later moment and by `bgctl drain --auto`, for a day. No lock
is held meanwhile, so two commands may send the same one: the server knows it by its id.
"""

from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from toolkit.clients.http import Client
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import atomic
from toolkit.notices import notice
from toolkit.notices.notice import Notice
from toolkit.project import Project
from toolkit.values import stamp

SECONDS = 3.0  # for an answer
KEPT = 24 * 3600.0  # seconds
MOST = 100  # notices; the oldest go first


def tell(project: Project, event: str, old: str, new: str, reason: str = "") -> None:
    """Only warns of what goes wrong. Does nothing without [notify] url."""
    if not project.config.notify.url:
        return
    state = project.state_if_readable()
    told = Notice(
        notice.new_id(),
        event,
        str(project.config.project.name),
        state.phase if state else "unknown",
        old,
        new,
        stamp(project.now()),
        reason,
    )
    try:
        folder = _folder(project)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic.write(folder / f"{told.id}.json", msgspec.json.encode(told), mode=0o600)
    except (BgctlError, OSError) as error:
        project.ui.warn(f"nobody was told of {event}: {error}")
        return
    deliver(project)


def deliver(project: Project, aloud: bool = True) -> None:
    """Sends what waits, the oldest first, up to the first that is not taken. Warns of it, where `aloud`."""
    if not project.config.notify.url:
        return
    try:
        _forget_old(project)
        for path in waiting(project):
            _send(project, path)
            path.unlink(missing_ok=True)
    except (BgctlError, OSError) as error:
        if aloud:
            project.ui.warn(error.line if isinstance(error, BgctlError) else str(error))


def waiting(project: Project) -> list[Path]:
    """The oldest first."""
    with suppress(OSError):
        found = [(path.stat().st_mtime_ns, path) for path in _folder(project).glob("msg_*.json")]
        return [path for _, path in sorted(found)]
    return []


def _forget_old(project: Project) -> None:
    now, found = project.now().timestamp(), waiting(project)
    for path in [*found[:-MOST], *[each for each in found[-MOST:] if now - each.stat().st_mtime > KEPT]]:
        path.unlink(missing_ok=True)


def _folder(project: Project) -> Path:
    return project.state_dir / "notices"


def _send(project: Project, path: Path) -> None:
    """Raises Failed unless it is taken. Never names the path of the address, which may be a secret."""
    url, body = project.config.notify.url, path.read_bytes()
    server = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    signed = notice.headers(_key(project), path.stem, int(project.now().timestamp()), body)
    what, next = f"{server} was not told", "nothing: it is tried again; or mend [notify] in bgctl.toml"
    try:
        answer = Client(url, SECONDS).post("", body, signed)
    except Failed as error:
        raise Failed(what, error.why, next) from None
    if not 200 <= answer.status < 300:
        raise Failed(what, f"it answers {answer.status}", next)


def _key(project: Project) -> bytes:
    """Makes the secret where there is none. Raises Refused."""
    path = project.keys_dir / "notify.secret"
    try:
        if not path.exists():
            atomic.write(path, f"{notice.new_secret()}\n".encode(), mode=0o600)
        return notice.key_of(path.read_text().strip())
    except (OSError, ValueError) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise Refused(f"{path} cannot be used", why, f"rm {path}   (a new one is made)") from None

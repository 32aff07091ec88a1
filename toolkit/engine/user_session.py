"""The runtime folder of a user's log-in, without which rootless podman does not find its containers.

cron does not name it, and systemd removes it with the log-in. podman then makes another folder below /tmp,
where no container is known to run (podman(1), XDG_RUNTIME_DIR).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import BgctlError, NotYet

FOLDERS = Path("/run/user")  # of logind, by user id
SYSTEMD = Path("/run/systemd/system")  # exists where systemd runs (sd_booted(3))
LINGERING = Path("/var/lib/systemd/linger")  # a file for each user whose folder stays
VARIABLE = "XDG_RUNTIME_DIR"


def find(uid: int) -> None:
    """Names the folder to the programs that this process starts, unless it is named already or absent."""
    folder = FOLDERS / str(uid)
    if uid and VARIABLE not in os.environ and folder.is_dir():
        os.environ[VARIABLE] = str(folder)


def ends(user: str) -> Iterator[BgctlError]:
    """A problem where a rootless engine's containers end with the log-in of their user."""
    if SYSTEMD.exists() and not (LINGERING / user).exists():
        why = "systemd ends what belongs to a log-in with it, and a crontab would find nothing running"
        yield NotYet(f"containers of {user} end when {user} logs out", why, f"loginctl enable-linger {user}")

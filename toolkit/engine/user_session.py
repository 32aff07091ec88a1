"""What rootless podman has of its user's log-in: a folder, which cron does not name and systemd takes away.

Without it podman makes another one below /tmp, and there knows of no container that runs (podman(1),
XDG_RUNTIME_DIR).
"""

import os
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import BgctlError, NotYet

FOLDERS = Path("/run/user")  # of logind, by user id
SYSTEMD = Path("/run/systemd/system")  # is there where it runs (sd_booted(3))
LINGERING = Path("/var/lib/systemd/linger")  # a file for each user whose folder stays
VARIABLE = "XDG_RUNTIME_DIR"


def find(uid: int) -> None:
    """Names the runtime folder to whatever this process starts, where nobody has and it is there."""
    folder = FOLDERS / str(uid)
    if uid and VARIABLE not in os.environ and folder.is_dir():
        os.environ[VARIABLE] = str(folder)


def ends(user: str) -> Iterator[BgctlError]:
    """Whether a rootless engine's containers end with the log-in of their user."""
    if SYSTEMD.exists() and not (LINGERING / user).exists():
        why = "systemd ends what belongs to a log-in with it, and a crontab would find nothing running"
        yield NotYet(f"containers of {user} end when {user} logs out", why, f"loginctl enable-linger {user}")

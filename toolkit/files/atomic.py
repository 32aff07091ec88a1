"""Replaces a file in one step: its readers see either the old text or the new one."""

import os
import stat
from pathlib import Path

from session_api.files import atomic
from session_api.files.atomic import Owner
from toolkit.errors import Failed
from toolkit.files import disk


class NotSynced(Failed):
    """The new file is in place and in force; only a power cut might still bring the old one back."""


def write(
    path: Path,
    data: bytes,
    like: os.stat_result | None = None,
    *,
    mode: int = 0o644,
    owner: Owner | None = None,
) -> None:
    """Raises Failed, with the old file intact, if the disk is full or broken; NotSynced once it is replaced.

    The file gets mode and owner of `like`, or else `mode` and `owner` (None: this process's).
    """
    if like:
        mode, owner = stat.S_IMODE(like.st_mode), (like.st_uid, like.st_gid)
    try:
        atomic.write(path, data, mode=mode, owner=owner if os.geteuid() == 0 else None)
    except atomic.NotSyncedError as error:
        why = f"{error}; it holds now, and a power cut could bring the old one back"
        raise NotSynced(
            f"{path} is written, but its folder could not be synced", why, "bgctl doctor"
        ) from None
    except OSError as error:
        raise disk.unwritten(path, error) from None

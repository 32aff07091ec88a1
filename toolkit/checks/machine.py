"""Looks at the machine, apart from any project: SELinux, room on its disks, its clock."""

import shutil
from collections.abc import Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

from toolkit.config.engines import NAMES
from toolkit.errors import BgctlError, Failed, NotYet

ENFORCE = Path("/sys/fs/selinux/enforce")
MIB = 1 << 20
SCARCE, FULL = 1024 * MIB, 64 * MIB  # bytes that are left; a release writes an image, and some small files
TOLERABLE = 5  # seconds by which clocks may differ


def enforces_selinux() -> bool:
    try:
        return ENFORCE.read_text().strip() == "1"
    except OSError:
        return False


def room(folders: dict[str, Path]) -> Iterator[BgctlError]:
    """Which file systems of `folders` are nearly full, each once. The keys are what the folders are for."""
    seen: set[int] = set()
    for what, folder in folders.items():
        try:
            device, free = folder.stat().st_dev, shutil.disk_usage(folder).free
        except OSError:
            continue  # a folder of an engine on another machine, or one that we may not look at
        if device not in seen:
            seen.add(device)
            yield from little(what, folder, free)


def little(what: str, folder: Path, free: int) -> Iterator[BgctlError]:
    """A problem where `free` bytes are too few."""
    if free < SCARCE:
        kind = Failed if free < FULL else NotYet
        prune = ", or ".join(f"{name} image prune" for name in NAMES)
        next = f"df -h {folder}, and make room; of images: {prune}"
        yield kind(
            f"{free // MIB} MiB are free for {what}", f"{folder} is on a disk that is nearly full", next
        )


def clock(whose: str, said: str, now: datetime) -> Iterator[BgctlError]:
    """A problem where another clock, as a Date header says it, differs much from this machine's."""
    try:
        there = parsedate_to_datetime(said)
    except ValueError:
        return
    ahead = (there - now).total_seconds()
    if abs(ahead) > TOLERABLE:
        way = "ahead of" if ahead > 0 else "behind"
        why = "tokens of one are too early or too old for the other"
        yield NotYet(f"the clock of {whose} is {abs(ahead):.0f} s {way} ours", why, "set both by NTP")

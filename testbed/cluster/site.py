"""Where a lab is: a number, and with it a folder and addresses that no other lab on this machine has.

A number is a process's for as long as it holds the lock on it, which the kernel frees whenever the process
ends. So what lies in the folder of a number whose lock is free was left by a process that was killed.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LABS = Path("/var/lib/bgctl-lab")  # not below /run, which each node has for itself
NUMBERS = range(1, 100)
CGROUPS = Path("/sys/fs/cgroup")
PATIENCE = 10.0  # seconds that a killed lab's processes get to end


@dataclass(frozen=True, slots=True)
class Site:
    number: int
    folder: Path

    @property
    def name(self) -> str:
        """That of its cgroups, and of the link by which this machine is connected to it."""
        return f"bgctl-lab{self.number}"

    @property
    def subnet(self) -> str:
        return f"10.213.{self.number}.0/24"

    def address(self, host: int) -> str:
        return f"10.213.{self.number}.{host}"

    def furnish(self) -> None:
        """Makes the folder. Its files are in memory: written in no time, and gone in no time."""
        self.folder.mkdir()
        if said := _failed("mount", "-t", "tmpfs", "-o", "mode=711", self.name, str(self.folder)):
            raise RuntimeError(f"cannot mount a file system for {self.name}: {said}")

    def clear(self) -> None:
        """Removes its link, its folder and its cgroups, once all of its processes are dead."""
        _failed("ip", "link", "delete", self.name)  # it would go with its namespace, but a bit later
        end = time.monotonic() + PATIENCE
        while True:
            left = [path for path in self._cgroups() if not _removed(path)]
            if self.folder.is_mount() and _failed("umount", str(self.folder)):
                left.append(self.folder)
            if not left:
                break
            if time.monotonic() > end:
                held = ", ".join(map(str, left))
                raise RuntimeError(f"{self.name} cannot be removed, something still uses {held}")
            time.sleep(0.05)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _cgroups(self) -> list[Path]:
        """With cgroups v1 there is one in each controller's hierarchy; those of its nodes are in it."""
        return [path for path in (CGROUPS / self.name, *CGROUPS.glob(f"*/{self.name}")) if path.exists()]


def _removed(cgroup: Path) -> bool:
    """Whether a cgroup and all below it could be removed: it cannot as long as there is a process in it."""
    for folder, _, _ in os.walk(cgroup, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError:
            return False
    return True


def _failed(*command: str) -> str:
    """Runs a command; what it says if it fails, else nothing."""
    done = subprocess.run(command, capture_output=True, text=True)
    return f"{done.stderr.strip()} (exit {done.returncode})" if done.returncode else ""


@contextmanager
def site() -> Iterator[Site]:
    """A number with an empty folder, both given back at the end. Clears up after labs that were killed."""
    LABS.mkdir(mode=0o711, exist_ok=True)
    clear_leftovers()
    for number in NUMBERS:
        with _locked(number) as mine:
            if mine:
                own = Site(number, LABS / str(number))
                own.clear()
                try:
                    own.furnish()
                    yield own
                finally:
                    own.clear()
                return
    raise RuntimeError(f"{len(NUMBERS)} labs are in use: see the locks in {LABS}")


def clear_leftovers() -> None:
    """Removes what labs have left that were killed."""
    for folder in LABS.glob("[0-9]*"):
        if folder.is_dir():
            with _locked(int(folder.name)) as dead:
                if dead:
                    Site(int(folder.name), folder).clear()


@contextmanager
def _locked(number: int) -> Iterator[bool]:
    """Whether the number is ours meanwhile. The lock's file stays, so that there is never a second one."""
    with (LABS / f"lock-{number}").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True

"""bgctl as a stranger has it: the wheel, installed in an environment of its own, without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from uuid import uuid4

from testbed.project import ROOT

BIN = Path(sys.executable).parent
BUILD_SECONDS = 600.0


@dataclass
class Installed:
    """`prefix` is the middle part of the names of its images: no other bgctl on this machine has the same."""

    folder: Path
    prefix: str

    @classmethod
    def below(cls, folder: Path, *beside: str, prefix: str = "") -> Self:
        """Builds the wheel and installs it below `folder`, with the versions of locks/dev.txt.

        `beside` are packages that are installed with it. `prefix` "": one of its own.
        """
        _run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist"), cwd=ROOT)
        (wheel,) = (folder / "dist").glob("bgctl-*.whl")
        uv, python = str(BIN / "uv"), str(folder / "venv" / "bin" / "python")
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder / "venv"), cwd=folder)
        constraints = str(ROOT / "locks" / "dev.txt")
        _run(
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            python,
            "-c",
            constraints,
            str(wheel),
            *beside,
            cwd=folder,
        )
        (folder / "empty").mkdir()
        return cls(folder, prefix or f"wheel-{uuid4().hex[:8]}")

    @property
    def environment(self) -> dict[str, str]:
        """A cache and a home of its own, and nothing that leads to the checkout or its packages."""
        ours = [name for name in os.environ if name.startswith(("PYTHON", "VIRTUAL_ENV", "BGCTL_PROJECT"))]
        env = {name: value for name, value in os.environ.items() if name not in ours}
        path = [each for each in env["PATH"].split(os.pathsep) if Path(each) != BIN]
        mine = {"XDG_CACHE_HOME": str(self.folder / "cache"), "BGCTL_IMAGES": self.prefix, "NO_COLOR": "1"}
        return {**env, "PATH": os.pathsep.join(path), **mine}

    def image(self, part: str) -> str:
        return f"localhost/{self.prefix}/{part}:dev"

    @property
    def program(self) -> Path:
        return self.folder / "venv" / "bin" / "bgctl"

    def bgctl(self, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Runs it in an empty folder, or in `cwd`."""
        return subprocess.run(
            [str(self.program), *arguments],
            cwd=cwd or self.folder / "empty",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
        )


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"

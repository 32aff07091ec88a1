"""Hands the terminal over to another program, which an operator has asked for: `exec` and `compose`.

A compose file that only this process knows goes along in memory (memfd_create(2)), which no disk and no
other user sees. The program reads it as /dev/fd/N, so that its standard input stays the operator's own.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from toolkit.engine import process
from toolkit.errors import Failed

DOCUMENT = "{document}"  # stands in a command line for the path at which the program finds the document
SIGNALLED = 128  # an exit code above that: the program was ended by a signal, as shells tell it


@dataclass(frozen=True)
class Line:
    """A command line, the variables over our own environment, and the folder to run it in.

    `document` is a text for the program: at the path for which `DOCUMENT` stands, or as its standard input.
    """

    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    document: str | None = None

    @property
    def by_stdin(self) -> bool:
        return self.document is not None and DOCUMENT not in self.argv


def become(line: Line) -> NoReturn:
    """Becomes the program: its exit code is ours, and signals and the terminal are its own business.

    Raises Failed where it cannot be started.
    """
    program, argv, shared = _ready(line)
    sys.stdout.flush()
    sys.stderr.flush()
    if line.folder:
        os.chdir(line.folder)
    if shared is not None:
        os.set_inheritable(shared, True)
        if line.by_stdin:
            os.dup2(shared, 0)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and a program inherits that.
    try:
        os.execve(program, argv, process.environment(line.env))  # noqa: S606  what the operator asked for
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started", error.strerror or str(error)) from None


def attend(line: Line) -> int:
    """Runs the program with our terminal, and returns its exit code. It outlives no interruption of ours."""
    program, argv, shared = _ready(line)
    try:
        running = subprocess.Popen(  # noqa: S603  what the operator asked for
            argv,
            executable=program,
            env=process.environment(line.env),
            cwd=line.folder,
            stdin=shared if line.by_stdin else None,
            pass_fds=[] if shared is None else [shared],
        )
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started", error.strerror or str(error)) from None
    try:
        code = running.wait()
    except KeyboardInterrupt:
        with suppress(subprocess.TimeoutExpired):  # The terminal has told it as well.
            running.wait(process.GRACE)
        raise
    finally:
        running.kill()
        if shared is not None:
            os.close(shared)
    return code if code >= 0 else SIGNALLED - code


def _ready(line: Line) -> tuple[str, list[str], int | None]:
    """The path of the program, its words, and the descriptor of its document. Raises Failed."""
    program = process.which(line.argv[0])
    if program is None:
        why = "it is not installed, or not on the PATH"
        raise Failed(f"{line.argv[0]} was not found", why, "bgctl doctor")
    if line.document is None:
        return program, list(line.argv), None
    shared = os.memfd_create("compose.json")
    with os.fdopen(os.dup(shared), "wb") as file:
        file.write(line.document.encode())
    os.lseek(shared, 0, os.SEEK_SET)
    return program, [f"/dev/fd/{shared}" if word == DOCUMENT else word for word in line.argv], shared

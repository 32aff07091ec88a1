"""The end of a container's log, as bytes and never more than a limit: a line may be of any length."""

import os
import subprocess
import threading
from collections.abc import Sequence

from toolkit.engine import process
from toolkit.errors import Failed

CHUNK = 64 * 1024  # bytes


def read(argv: Sequence[str], limit: int, timeout: float) -> bytes:
    """What the program says on both outputs, from the first whole line of its last `limit` bytes on.

    After `timeout` seconds it is killed, and what it has said by then counts. Raises Failed where it does not
    start, or fails.
    """
    try:
        running = subprocess.Popen(  # noqa: S603  one of our engines'
            [process.which(argv[0]) or argv[0], *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=process.environment({}),
            start_new_session=True,
        )
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be started", error.strerror or str(error)) from None
    timer = threading.Timer(timeout, running.kill)
    timer.daemon = True
    timer.start()
    said, cut = b"", False
    assert running.stdout
    try:
        while chunk := os.read(running.stdout.fileno(), CHUNK):
            said += chunk
            if len(said) > limit + CHUNK:
                said, cut = said[-limit:], True
        code = running.wait()
    finally:
        timer.cancel()
        running.kill()
        running.stdout.close()
    if code > 0:
        why = said.decode(errors="replace").strip().rpartition("\n")[2]
        raise Failed(f"{argv[0]} gives no log", why or f"exit code {code}", "bgctl doctor")
    if len(said) > limit:
        said, cut = said[-limit:], True
    return said.partition(b"\n")[2] if cut else said

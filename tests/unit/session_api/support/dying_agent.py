"""An agent that kills itself at a point: python3 -m tests.unit.session_api.support.dying_agent N.

A point is after a call that changes what is on the disk. After the last point it lives on.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from session_api.agent.__main__ import main

left = int(sys.argv[1])


def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
    def called(*arguments: Any, **named: Any) -> Any:
        global left
        result = call(*arguments, **named)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return result

    return called


os.fsync = deadly(os.fsync)
os.fchmod = deadly(os.fchmod)
Path.replace = deadly(Path.replace)  # type: ignore[method-assign]
main()

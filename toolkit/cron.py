"""What runs `bgctl drain --auto` every minute, as text: a crontab line, and systemd's service and timer."""

import shlex
from collections.abc import Sequence

QUIET = "4 5"  # locked by another, not yet: no failures


def crontab(argv: Sequence[str]) -> str:
    """One line. cron makes a line end of a bare %."""
    return "* * * * * " + shlex.join(argv).replace("%", r"\%") + "\n"


def service(argv: Sequence[str], project: str) -> str:
    return f"""\
[Unit]
Description=bgctl: promotes {project} when its old version is empty

[Service]
Type=oneshot
ExecStart={" ".join(map(_systemd_word, argv))}
SuccessExitStatus={QUIET}
# Containers that it has started go on, with what the engine has put beside them.
KillMode=process
"""


def timer(project: str) -> str:
    return f"""\
[Unit]
Description=bgctl: looks after the release of {project} every minute

[Timer]
OnCalendar=minutely
AccuracySec=1s

[Install]
WantedBy=timers.target
"""


def _systemd_word(word: str) -> str:
    """One argument: quoted, and nothing in it expanded."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or not word or set(word) & set(" \t';") else word

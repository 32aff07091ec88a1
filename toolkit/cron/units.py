"""What runs bgctl by itself, as text: `drain --auto` each minute, `up` at boot, `certificate` twice a day."""

import shlex
import zlib
from collections.abc import Sequence

from toolkit.config.engines import ENGINES

UNITS = [unit for engine in ENGINES.values() for unit in engine.units]  # those that are there come first
QUIET = "4 5"  # locked by another, not yet: no failures


def crontab(argv: Sequence[str]) -> str:
    """One line. cron makes a line end of a bare %."""
    return "* * * * * " + shlex.join(argv).replace("%", r"\%") + "\n"


def twice_a_day(argv: Sequence[str], project: str) -> str:
    """A crontab line, at a time that is this project's own: not all ask an authority in the same minute."""
    minute = zlib.crc32(project.encode()) % 720
    at = f"{minute % 60} {minute // 60},{minute // 60 + 12} * * *"
    return f"{at} " + shlex.join(argv).replace("%", r"\%") + "\n"


def at_boot(argv: Sequence[str]) -> str:
    """A crontab line. cron may be there before the engine is: it tries for ten minutes."""
    command = shlex.join(argv).replace("%", r"\%")
    return f"@reboot n=0; until {command} >/dev/null; do n=$((n+1)); [ $n -lt 60 ] || break; sleep 10; done\n"


def boot(argv: Sequence[str], project: str, system: bool) -> str:
    """A service that is started once at each boot. `system`: as root, and not in a user's own manager.

    An engine that is slow to come up is asked again, for ten minutes.
    """
    return f"""\
[Unit]
Description=bgctl: brings {project} back as its state says
Wants=network-online.target
After=network-online.target {" ".join(UNITS)}
StartLimitIntervalSec=1h
StartLimitBurst=60

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart={" ".join(map(_systemd_word, argv))}
Restart=on-failure
RestartSec=10
TimeoutStartSec=infinity
# Containers that it has started go on, with what the engine has put beside them.
KillMode=process

[Install]
WantedBy={"multi-user.target" if system else "default.target"}
"""


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


def certificate_service(argv: Sequence[str], project: str) -> str:
    return f"""\
[Unit]
Description=bgctl: renews the certificate of {project} when it is due
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
ExecStart={" ".join(map(_systemd_word, argv))}
SuccessExitStatus={QUIET}
"""


def certificate_timer(project: str) -> str:
    return f"""\
[Unit]
Description=bgctl: looks at the certificate of {project} twice a day

[Timer]
OnCalendar=*-*-* 00/12:00:00
RandomizedDelaySec=12h
FixedRandomDelay=true
Persistent=true

[Install]
WantedBy=timers.target
"""


def _systemd_word(word: str) -> str:
    """One argument: quoted, and nothing in it expanded."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"' if escaped != word or not word or set(word) & set(" \t';") else word

"""OpenSSH's server on a port of loopback, for one key, and a client that knows it as "shop"."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.ports import Ports
from testbed.project import BGCTL
from tests.e2e.support.stacks import eventually

ROOT = Path(__file__).parents[3]
UNPACKED = ROOT / ".cache" / "sshd"  # by setup/testtools, where it is not installed
SERVER = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
SetEnv PATH={path}
"""
CLIENT = """\
Host shop
    HostName 127.0.0.1
    Port {port}
Host nowhere
    HostName 127.0.0.1
    Port {closed}
Host *
    IdentityFile {folder}/user
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known
    StrictHostKeyChecking accept-new
    LogLevel ERROR
"""
# As root sshd wants a user of its own, whom this one alone sees, and an empty folder.
ALONE = "mount --bind {folder}/passwd /etc/passwd && mkdir -p /run/sshd && exec {command}"


@contextmanager
def serving(folder: Path) -> Iterator[dict[str, str]]:
    """Yields the environment in which ssh goes to it as "shop"; nobody listens at "nowhere"."""
    ports = Ports.free()
    path = f"{BGCTL.parent}:/usr/local/bin:/usr/bin:/bin"
    values = {"folder": folder, "port": ports.proxy, "closed": ports.control, "path": path}
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd_config").write_text(SERVER.format(**values))
    (folder / "config").write_text(CLIENT.format(**values))
    wrapper = folder / "bin" / "ssh"
    wrapper.parent.mkdir()
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {folder}/config "$@"\n')
    wrapper.chmod(0o755)
    env = {**os.environ, "PATH": f"{wrapper.parent}:{os.environ['PATH']}"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command(folder), stderr=log, env={**env, **libraries()})
    try:
        reached = ["ssh", "-o", "BatchMode=yes", "shop", "true"]
        eventually(
            lambda: subprocess.run(reached, env=env, capture_output=True).returncode == 0, "sshd answers"
        )
        yield env
    finally:
        server.terminate()
        server.wait(30)


def command(folder: Path) -> list[str]:
    installed = Path("/usr/sbin/sshd")
    sshd = installed if installed.exists() else UNPACKED / "usr/sbin/sshd"
    argv = [str(sshd), "-D", "-e", "-f", str(folder / "sshd_config")]
    if os.geteuid():
        return argv
    users = Path("/etc/passwd").read_text()
    own = "" if "\nsshd:" in users else "sshd:x:74:65534::/run/sshd:/usr/sbin/nologin\n"
    (folder / "passwd").write_text(users + own)
    return ["unshare", "--mount", "sh", "-c", ALONE.format(folder=folder, command=shlex.join(argv))]


def libraries() -> dict[str, str]:
    """Where the libraries are that were unpacked with it."""
    folders = [str(path.parent) for path in UNPACKED.rglob("libwrap.so.0")]
    return {"LD_LIBRARY_PATH": ":".join(folders)} if folders else {}

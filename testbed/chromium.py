#!/usr/bin/env python3
"""Debian's Chromium, which is not told when a network comes or goes.

Chromium gives up whatever it is loading (net::ERR_NETWORK_CHANGED) when the addresses of this machine change,
as they do with each network that another test makes or removes. The kernel tells it so on a netlink socket.
Without one, Chromium takes the network for steady. So this program has the kernel refuse netlink sockets to
itself, and then becomes Chromium. Playwright starts it: `launch(executable_path=PROGRAM)`.
"""

import ctypes
import os
import sys
from pathlib import Path

PROGRAM = Path(__file__).resolve()
CHROMIUM = "/usr/bin/chromium"

# seccomp_rule_add(3), socket(2)
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
NO_SUCH_FAMILY = 97  # EAFNOSUPPORT
NETLINK = 16  # AF_NETLINK
EQUAL = 4  # SCMP_CMP_EQ


class Condition(ctypes.Structure):
    """struct scmp_arg_cmp: an argument of a system call, by its place, compared with a value."""

    _fields_ = (
        ("place", ctypes.c_uint),
        ("comparison", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("unused", ctypes.c_uint64),
    )


def refuse_netlink() -> None:
    """Has the kernel refuse netlink sockets to this process and its children, as if it had none."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(ALLOW)))
    family = Condition(0, EQUAL, NETLINK, 0)
    socket = library.seccomp_syscall_resolve_name(b"socket")
    refusal = ctypes.c_uint32(ERRNO | NO_SUCH_FAMILY)
    failed = library.seccomp_rule_add_array(rules, refusal, socket, 1, ctypes.byref(family))
    if failed or library.seccomp_load(rules):
        sys.exit("the kernel takes no seccomp filter")


if __name__ == "__main__":
    refuse_netlink()
    os.execv(CHROMIUM, [CHROMIUM, *sys.argv[1:]])  # noqa: S606  there is no shell to go through

"""The browser of the tests is not told of networks that come and go."""

import subprocess
import sys

from testbed.chromium import PROGRAM

ASK = """
import errno, runpy, socket, sys
runpy.run_path(sys.argv[1])["refuse_netlink"]()
try:
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
except OSError as error:
    print(errno.errorcode[error.errno])
socket.socket(socket.AF_INET).close()
socket.socket(socket.AF_UNIX).close()
"""


def test_netlink_sockets_are_refused_and_others_are_not() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ASK, str(PROGRAM)], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "EAFNOSUPPORT\n"

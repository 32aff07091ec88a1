"""What ends TLS in front of a project: HAProxy, with a certificate for the name that browsers show."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from testbed.ports import Ports
from tests.e2e.support.stacks import eventually

# A connection to the project for each request: none that is idle can be closed under a request on its way.
CONFIGURATION = """\
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option http-server-close
listen front
  bind 127.0.0.1:{here} ssl crt {pair} alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto https
  option forwardfor
  server project 127.0.0.1:{there}
"""


@contextmanager
def tls_in_front(folder: Path, host: str, there: int) -> Iterator[int]:
    """The port that speaks TLS for `host` and passes everything on to port `there`."""
    here = Ports.free().tls
    pair, configuration = folder / "front.pem", folder / "front.cfg"
    trustme.CA().issue_cert(host).private_key_and_cert_chain_pem.write_to_path(pair)
    configuration.write_text(CONFIGURATION.format(here=here, there=there, pair=pair))
    front = subprocess.Popen(["haproxy", "-db", "-f", str(configuration)])

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", here)) == 0

    try:
        eventually(listens, "HAProxy listens")
        yield here
    finally:
        front.terminate()
        front.wait(10)

"""Asks the proxy's own listeners: for a challenge by HTTP, and for the certificate that they show.

`prefix` is what a connection begins with: see `prefix_of`.
"""

import http.client
import socket
import ssl

from toolkit.config import Config
from toolkit.values import Address

SECONDS = 5.0
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (it is replaced)


def prefix_of(config: Config) -> bytes:
    """Where [proxy] proxy_protocol is on, that this connection is nobody's but our own (its version 1)."""
    return b"PROXY UNKNOWN\r\n" if config.proxy.proxy_protocol else b""


def answer(listen: Address, host: str, path: str, prefix: bytes) -> tuple[int, bytes]:
    """Status and body of a GET, asked as the authority does. Raises OSError, HTTPException."""
    connection = http.client.HTTPConnection(_here(listen), listen.port, timeout=SECONDS)
    try:
        connection.connect()
        connection.sock.sendall(prefix)
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        found = connection.getresponse()
        return found.status, found.read(4096)
    finally:
        connection.close()


def shown(listen: Address, host: str, prefix: bytes) -> bytes:
    """The certificate (DER) that a new connection for `host` is shown. Raises OSError."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # It is compared with ours: nothing is believed because of it.
    with socket.create_connection((_here(listen), listen.port), timeout=SECONDS) as plain:
        plain.sendall(prefix)
        with context.wrap_socket(plain, server_hostname=host) as wrapped:
            return wrapped.getpeercert(binary_form=True) or b""


def _here(listen: Address) -> str:
    return ANYWHERE.get(listen.host, listen.host)

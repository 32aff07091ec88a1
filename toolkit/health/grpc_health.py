"""Sends one health check by gRPC's own protocol (grpc.health.v1): a single call, over HTTP/2 without TLS.

The proxy sends the same message, and judges alike (lua/bg/health/grpc.lua).
"""

import socket
import time
from types import ModuleType

from toolkit.errors import Refused
from toolkit.health.answer import Answer, Fault
from toolkit.health.check import Check

CALL = "/grpc.health.v1.Health/Check"
HEAD = 5  # bytes before a message: whether it is compressed, and its length
SERVING = 1
NAMES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
MOST = 65536  # bytes of an answer, with all that is HTTP/2's


def ask(check: Check) -> Answer | Fault:
    """What a good answer by HTTP would be, or what is wrong. Raises Refused where there is no HTTP/2."""
    h2 = library()
    until = time.monotonic() + check.within
    try:
        with socket.create_connection((check.address.host, check.address.port), check.within) as line:
            return _judged(*_call(h2, line, check, until))
    except ConnectionRefusedError:
        return Fault("no_answer", "connection refused")
    except TimeoutError:
        return Fault("no_answer", "timed out")
    except (OSError, h2.exceptions.H2Error, ValueError):
        return Fault("no_answer", "connection broken")


def library() -> ModuleType:
    """Raises Refused where it is not installed: only gRPC needs it."""
    try:
        import h2.config
        import h2.connection
        import h2.events
        import h2.exceptions
    except ImportError:
        what, why = 'health = "grpc" cannot be asked', "the Python package h2 is not there"
        raise Refused(what, why, "pipx inject bgctl h2, or: pip install 'bgctl[grpc]'") from None
    return h2


def message(path: str) -> bytes:
    """What asks for the health that a `path` names: "grpc", or "grpc:" with the name of a service."""
    name = path.partition(":")[2].encode()
    field = b"\x0a" + bytes([len(name)]) + name if name else b""  # field 1, a text (protobuf)
    return bytes(4) + bytes([len(field)]) + field


def _call(h2: ModuleType, line: socket.socket, check: Check, until: float) -> tuple[dict[str, str], bytes]:
    """The fields of the answer's head and trailers, and its message."""
    config = h2.config.H2Configuration(client_side=True, header_encoding="utf-8")
    connection = h2.connection.H2Connection(config=config)
    connection.initiate_connection()
    own = {":method": "POST", ":scheme": "http", ":authority": check.host, ":path": CALL}
    more = {"content-type": "application/grpc", "te": "trailers", "user-agent": "bgctl-health"}
    connection.send_headers(1, list({**own, **more}.items()))
    connection.send_data(1, message(check.path), end_stream=True)
    fields: dict[str, str] = {}
    body, read = b"", 0
    while True:
        line.sendall(connection.data_to_send())
        if (remaining := until - time.monotonic()) <= 0:
            raise TimeoutError
        line.settimeout(remaining)
        piece = line.recv(MOST)
        read += len(piece)
        if not piece or read > MOST:
            raise ValueError("it ended too early, or does not end")
        for event in connection.receive_data(piece):
            fields |= dict(getattr(event, "headers", None) or {})
            if isinstance(event, h2.events.DataReceived):
                body += event.data
            if isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                return fields, body


def _judged(fields: dict[str, str], body: bytes) -> Answer | Fault:
    code = fields.get("grpc-status", "0")
    if code != "0":
        return Fault("grpc", f"answered grpc-status {code[:3]}", int(code) if code.isdecimal() else 2)
    if ":status" not in fields:
        return Fault("no_answer", "connection broken")
    found = body[HEAD + 1] if body[HEAD : HEAD + 1] == b"\x08" and len(body) > HEAD + 1 else 0  # field 1
    if found == SERVING:
        return Answer(200)
    return Fault("grpc", f"answered {NAMES[found] if found < len(NAMES) else NAMES[0]}")

"""Whether a host's name leads to this machine, as far as this machine can see."""

import ipaddress
import socket
from contextlib import suppress

from toolkit.errors import Refused

# Addresses of documentation (RFC 5737, RFC 3849). Nothing is sent: to connect a UDP socket chooses its route.
PROBES = {
    socket.AF_INET: "192.0.2.1",
    socket.AF_INET6: "2001:db8::1",
}


def doubt(host: str) -> Refused | None:
    """Why an authority that asks `host` might not come here; None: nothing speaks against it.

    Behind address translation, or behind a load balancer, a name leads elsewhere and all is well.
    """
    found = addresses(host)
    anyway = "mend its records, or, where this machine cannot know it: bgctl certificate --anyway"
    if not found:
        return Refused(f"{host} has no address", "its name cannot be looked up here", anyway)
    if any(is_ours(each) for each in found) or behind_translation():
        return None
    where = ", ".join(sorted(found))
    why = f"it leads to {where}, and this machine has other addresses"
    return Refused(f"{host} leads elsewhere", why, anyway)


def addresses(host: str) -> set[str]:
    try:
        return {str(each[4][0]) for each in socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        return set()


def is_ours(address: str) -> bool:
    """Whether this machine has the address: then a socket may be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def behind_translation() -> bool:
    """Whether this machine has no address of the Internet: names then lead to what stands in front of it."""
    for family, probe in PROBES.items():
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as route:
            route.connect((probe, 9))
            if ipaddress.ip_address(route.getsockname()[0]).is_global:
                return False
    return True

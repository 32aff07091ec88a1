"""The proxy's listeners in the course of an adoption: the temporary ones, both, the public ones."""

import socket
from contextlib import suppress

from msgspec.structs import replace

from toolkit.adopt import connections, netfilter
from toolkit.errors import Failed
from toolkit.files import adoption_file
from toolkit.files.adoption_file import Adoption
from toolkit.project import Project
from toolkit.rendering import reload
from toolkit.values import Address

LOOK = 0.02  # seconds
ARRIVE = 10.0  # seconds for connections under way to be accepted
ANSWER = 5.0  # seconds for a connection to this very host
LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  where a wildcard is asked from here


def note(project: Project, **changes: object) -> Adoption:
    """Notes how far the adoption has come, before that is done."""
    found = adoption_file.read(project.state_dir)
    if found is None:
        raise Failed("the adoption is no longer noted", f"{adoption_file.NAME} is gone", "bgctl adopt")
    new = replace(found, **changes)
    if new != found:
        adoption_file.write(project.state_dir, new)
    return new


def is_stopped(project: Project) -> bool:
    """Whether the old containers are stopped, or about to be."""
    found = adoption_file.read(project.state_dir)
    return found is not None and found.stopped


def redirect(project: Project) -> str:
    """Sends new connections to the proxy, and makes sure that they arrive. Raises Failed."""
    found = note(project)
    name = str(project.config.project.name)
    netfilter.set_all(found.temporary, name)
    for public, there in found.temporary.items():
        if not arrives(Address(public), Address(there)):
            netfilter.lift(name, found.temporary)
            why = "a connection from this host to it went elsewhere"
            raise Failed(f"{public} was not redirected", why, "bgctl adopt --no-redirect")
    return ", ".join(f"{public} goes to the proxy" for public in found.temporary)


def arrives(public: Address, there: Address) -> bool:
    """Whether a new connection to `public` is one to `there`, as the kernel lists it."""
    host = LOOPBACK.get(public.host, public.host)
    try:
        with socket.create_connection((host, public.port), ANSWER) as probe:
            own = probe.getsockname()[1]
            return any(each.port == there.port and each.remote_port == own for each in connections.of())
    except OSError:
        return False


def take(project: Project, lift: bool = True) -> str:
    """The proxy listens at the public addresses too, then the redirect goes, then the temporary listeners."""
    found = note(project)
    if not found.temporary:
        return "listens there"
    publics = " and ".join(found.temporary)
    found = note(project, real=True)
    reload.apply(project, reload.wanted(project)[0])
    if lift:
        netfilter.lift(str(project.config.project.name), found.temporary)
    leave(project, found)
    return f"the proxy listens on {publics}"


def leave(project: Project, found: Adoption) -> None:
    """Gives the temporary listeners up, once whoever was on the way there has been accepted."""
    wait_accepted(project, found)
    note(project, temporary={})
    reload.apply(project, reload.wanted(project)[0])


def wait_accepted(project: Project, found: Adoption) -> None:
    """Until the queues of the temporary listeners are empty, twice: what is in them would be cut."""
    temporary, quiet = [Address(there).port for there in found.temporary.values()], 0
    for _ in project.clock.every(LOOK, within=ARRIVE):
        quiet = 0 if connections.unaccepted(connections.of(), temporary) else quiet + 1
        if quiet == 2:
            return


def is_open(address: Address) -> bool:
    """Whether somebody accepts connections there."""
    with (
        suppress(OSError),
        socket.create_connection((LOOPBACK.get(address.host, address.host), address.port), 1),
    ):
        return True
    return False

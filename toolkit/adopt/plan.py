"""What an adoption will do, found out before anything is changed."""

from collections.abc import Iterable, Iterator
from itertools import chain

from msgspec import Struct

from toolkit import slots
from toolkit.adopt import firewall, holders, image_tags, netfilter, volumes
from toolkit.adopt.holders import Holder
from toolkit.adopt.image_tags import Tag
from toolkit.checks import env_versions
from toolkit.config import Config
from toolkit.engine import ports
from toolkit.engine.compose import Compose
from toolkit.engine.container import Container
from toolkit.errors import Failed, Refused
from toolkit.files.adoption_file import GAP, REDIRECT, Adoption
from toolkit.project import Project
from toolkit.release import needs
from toolkit.release.in_service import versions
from toolkit.values import Address

TEMPORARY = range(30000, 32000)  # below the ports that the kernel gives to outgoing connections


class Plan(Struct, frozen=True):
    """`old` are the containers that blue replaces, holders of the port included.

    `way` is how the port is taken, and `why` the reason for a gap.
    """

    old: tuple[Container, ...]
    holders: tuple[Holder, ...]
    tags: tuple[Tag, ...]
    temporary: dict[str, str]
    way: str
    why: str = ""

    def describe(self) -> Iterator[str]:
        """Who has what, and what becomes of it."""
        for each in self.holders:
            yield f"{each.name} has {' and '.join(each.addresses)}, with {each.open()} connections open"
        if self.way == REDIRECT:
            yield "new connections are redirected, and those that are open are waited for: no gap"
        else:
            yield f"there will be a gap: {self.why}"
        yield f"goes at the end: {', '.join(dict.fromkeys(each.service for each in self.old))}; volumes stay"


def look(project: Project, redirect: bool, leave_volumes: bool, dry_run: bool) -> tuple[Plan, Compose]:
    """The plan of a new adoption, and the compose file. Raises Refused, with nothing changed."""
    for error in chain(env_versions.problems(project)):
        raise error
    blue, _ = versions(project, None)
    found = project.read_compose(project.env_of(blue))
    there = [each for each in project.engine.all() if each.state.running and not each.one_off]
    public = slots.public(project)
    held = holders.find(there, public)
    _check_holders(project, found, held, there)
    taken = [address for each in held for address in each.addresses]
    holders.check_foreign(project, [address for address in public if address not in taken])
    for address in taken:
        ports.check_allowed("the proxy", address)
    if not project.engine.rootless:  # whose ports are those of a program of this host
        firewall.check(held)
    plain = [each for each in there if each.service in project.config.slotted]
    old = {each.id: each for each in [*[one.container for one in held], *plain]}
    if not leave_volumes:
        volumes.check(project, old.values())
    tags = image_tags.wanted(project, found, plain)
    image_tags.check(project, tags)
    temporary = temporaries(project, taken)
    why = "--no-redirect" if not redirect else _no_redirect(project, temporary, dry_run)
    way = GAP if why else REDIRECT
    return Plan(tuple(old.values()), tuple(held), tuple(tags), temporary, way, why), found


def _no_redirect(project: Project, temporary: dict[str, str], look_only: bool) -> str:
    name = str(project.config.project.name)
    return netfilter.why_not(temporary, name, project.engine.rootless, look_only)


def _check_holders(
    project: Project, found: Compose, held: Iterable[Holder], there: Iterable[Container]
) -> None:
    """Raises Refused where nothing has to give way, or something that has to stay."""
    needed = {each.service for each in needs.everything(project, found)}
    held = list(held)
    for each in held:
        if each.name == project.config.proxy_service:
            raise Refused("the proxy runs here already", "there is nothing left to adopt", "bgctl up")
        if each.name in needed:
            where = f"{' and '.join(each.addresses)} is the port of {each.name}"
            raise Refused(where, "the app needs that, and it stays", "name another listen in bgctl.toml")
    if held:
        return
    public = " and ".join(slots.public(project))
    plain = [each.service for each in there if each.service in project.config.slotted]
    if not plain:
        raise Refused("nothing runs here that has to be adopted", f"nobody has {public}", "bgctl up")
    stop = f"{project.engine.compose_command} stop {' '.join(dict.fromkeys(plain))}"
    why = f"{', '.join(dict.fromkeys(plain))} is reached otherwise, and blue can run beside it"
    raise Refused(f"nobody has {public}", why, f"bgctl up, then send people there, then: {stop}")


def temporaries(project: Project, taken: Iterable[Address]) -> dict[str, str]:
    """For each address that is taken one that is free, on the same host and below the ephemeral ports."""
    made: dict[str, str] = {}
    own = set(_own_ports(project.config))
    for address in taken:
        first = TEMPORARY.start + address.port % len(TEMPORARY)
        for port in chain(range(first, TEMPORARY.stop), TEMPORARY):
            there = address.after(port - address.port)
            if port not in own and project.is_free(there):
                made[str(address)] = str(there)
                own.add(port)
                break
        else:
            raise Failed(
                "no port is free for the time of the adoption", f"{TEMPORARY.start} and above are all taken"
            )
    return made


def _own_ports(config: Config) -> Iterator[int]:
    yield from (address.port for _, address in config.listeners)
    for service in config.services.values():
        yield from (each.port for each in (service.address, service.blue, service.green) if each)


def again(project: Project, adoption: Adoption) -> tuple[Plan, Compose]:
    """The plan of an adoption that is under way, from its file and from what is there of it."""
    blue, _ = versions(project, project.state() if project.adopted else None)
    found = project.read_compose(project.env_of(blue))
    old = [each for each in project.engine.all() if each.id in adoption.old]
    held = holders.find(old, [Address(each) for each in adoption.temporary])
    tags = image_tags.wanted(project, found, [each for each in old if each.service in project.config.slotted])
    image_tags.check(project, tags)
    return Plan(tuple(old), tuple(held), tuple(tags), adoption.temporary, adoption.way, "as it began"), found

"""Which services are slotted: the one that people use, others with paths of their own, and workers."""

from collections.abc import Collection, Iterator

from msgspec import Struct

from toolkit.config.kinds import Route
from toolkit.config.service_rules import is_name
from toolkit.engine import compose_lines, single
from toolkit.errors import Refused
from toolkit.init import roles
from toolkit.init.plan import Given
from toolkit.init.questions import Asker
from toolkit.init.roles import Roles
from toolkit.init.surroundings import Surroundings

ALONE = "the one app here with a published port"


class Chosen(Struct, frozen=True):
    """`web` is the service that people use, and `source` why; `also` has the routes of others.

    `inside` are those that come along without routes: only other services ask them.
    """

    web: str
    source: str
    also: dict[str, tuple[Route, ...]]
    workers: list[str]
    notes: list[str]
    inside: list[str] = []


def choose(around: Surroundings, given: Given, ask: Asker) -> Chosen:
    """Raises Refused where that cannot be known, and nobody can be asked."""
    _check_all(around)
    kinds = roles.of(around.found, around.active)
    web, source = _web(around, kinds, given, ask)
    _check_slotted(around, web)
    notes: list[str] = []
    along = dict(_also(around, kinds, web, given, ask, notes))
    found = [name for each in (web, *along) for name in roles.workers(around.found, each, kinds)]
    workers = [name for name in dict.fromkeys(found) if name not in along]
    for name in [name for name in workers if not is_name(name)]:
        workers.remove(name)
        notes.append(
            f"{name} runs the code of {web}, and stays as it is: a worker has small letters in its name"
        )
    notes += _left_behind(around, kinds, (web, *along, *found))
    also = {name: routes for name, routes in along.items() if routes}
    return Chosen(web, source, also, workers, notes, [name for name in along if name not in also])


def _left_behind(around: Surroundings, kinds: Roles, slotted: Collection[str]) -> Iterator[str]:
    """What is built here, has no port and does not run the code of a slot: no release would update it."""
    for name in kinds.apps:
        service = around.found.services[name]
        if service.build and not service.bindings and name not in slotted:
            more = f"to release it with the others: bgctl init --force --also {name}"
            yield f"{name} is built here and stays as it is: bgctl deploy does not update it; {more}"


def _check_all(around: Surroundings) -> None:
    if names := roles.pairs(around.found):
        what = f"{around.files} has the pair {names[0]}-blue and {names[0]}-green already"
        why = "bgctl init is for services that are there once: bgctl makes the pair itself"
        raise Refused(what, why, "write bgctl.toml by hand: bgctl init --example explains every setting")


def _web(around: Surroundings, kinds: Roles, given: Given, ask: Asker) -> tuple[str, str]:
    if given.service:
        _check_there(around, given.service, "--service")
        return given.service, "as it was given"
    found = kinds.candidates
    if len(found) == 1:
        return found[0], ALONE
    if not found:
        raise _none(around, kinds)
    if not ask.can_ask:
        why = "bgctl takes the place of the one that people use"
        ways = " or: ".join(f"bgctl init --service {name}" for name in found)
        raise Refused(f"{' and '.join(found)} have published ports", why, ways)
    return ask.choose("Which service do people use?", found), "as it was answered"


def _none(around: Surroundings, kinds: Roles) -> Refused:
    """Why no service can be the one that people use."""
    what = f"no app in {around.files} has a published port"
    others = [name for name in kinds.apps if around.found.services[name].build] or kinds.apps
    ways = " or: ".join(f"bgctl init --service {name}" for name in others)
    if fronts := [name for name in kinds.proxies if around.found.services[name].bindings]:
        why = (
            f"{', '.join(fronts)} is a proxy, and bgctl has one: name the app behind it, and where to listen"
        )
        return Refused(what, why, f"{ways or 'bgctl init --service NAME'} --listen IP:PORT")
    hidden = _hidden(around)
    if hidden:
        why = f"{', '.join(hidden)} has a profile that is not in use"
        return Refused(
            what, why, f"write COMPOSE_PROFILES=... into .env, or take {hidden[0]} out of its profile"
        )
    why = "bgctl takes the place of the port that people use"
    return Refused(what, why, ways or "add the app to it, then: bgctl init")


def _hidden(around: Surroundings) -> list[str]:
    """The services of profiles that are not in use: some compose commands do not print them."""
    shown = {name for name, each in around.found.services.items() if roles.in_use(each, around.active)}
    return [name for name in compose_lines.with_key(around.paths, "profiles") if name not in shown]


def _check_there(around: Surroundings, name: str, option: str) -> None:
    if name in _hidden(around):
        where = compose_lines.place(around.paths, name, "profiles")
        mend = "write COMPOSE_PROFILES=... into .env, or take it out of the profile; then: bgctl init"
        raise Refused(f"{where}: {name} has a profile that is not in use", "compose does not start it", mend)
    if name not in around.found.services:
        what = f"there is no service {name} in {around.files}"
        raise Refused(what, f"{option} names it; there are: {', '.join(around.found.services)}", "bgctl init")


def _check_slotted(around: Surroundings, name: str) -> None:
    """Raises Refused for a service of which two cannot run."""
    where = compose_lines.place(around.paths, name)
    if not is_name(name):
        why = 'a slotted service has small letters, digits, "-" and "_" in its name'
        raise Refused(f"{where}: {name}", why, "give it another name there, then: bgctl init")
    mode = around.found.services[name].network_mode or ""
    if why := single.unreachable(mode):
        where = compose_lines.place(around.paths, name, "network_mode")
        raise Refused(f"{where}: {name} has network_mode: {mode}", why, "remove it there, then: bgctl init")


def _also(
    around: Surroundings, kinds: Roles, web: str, given: Given, ask: Asker, notes: list[str]
) -> Iterator[tuple[str, tuple[Route, ...]]]:
    """Further services that people reach, with their routes: those that are named, or asked for."""
    for name, routes in given.also.items():
        _check_there(around, name, "--also")
        _check_slotted(around, name)
        if name == web:
            raise Refused(f"--also {name}", f"{name} has / already", f"bgctl init --service {web}")
        yield name, routes
    for name in kinds.apps:
        if name in (web, *given.also) or not around.found.services[name].bindings:
            continue
        if ask.can_ask and (routes := ask.text(_question(name), _routes, "")):
            _check_slotted(around, name)
            yield name, routes
        elif not ask.can_ask:
            more = f"to release both together: bgctl init --force --service {web} --also {name}=/{name}/"
            notes.append(f"{name} stays as it is, at its own port; {more}")


def _question(name: str) -> str:
    return f"Which paths does {name} serve, such as /api/? (Enter: it stays as it is, at its own port)"


def _routes(text: str) -> tuple[Route, ...]:
    return tuple(Route.parse(part.strip()) for part in text.split(",") if part.strip())

"""From the services that are chosen to the plan: ports, health, addresses, the first version."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from toolkit.config import Config
from toolkit.config.kinds import HealthPath, Host
from toolkit.engine import build_context, compose_files, ports
from toolkit.engine.compose import ComposeService
from toolkit.engine.compose_forms import Binding
from toolkit.engine.images import ImageConfig
from toolkit.engine.own_services import PROXY, SESSION_API
from toolkit.errors import Refused
from toolkit.init import addresses, frameworks, guesses
from toolkit.init.addresses import Addresses
from toolkit.init.chosen import Chosen
from toolkit.init.guesses import Guess
from toolkit.init.plan import Given, Plan, Slotted
from toolkit.init.probe import Seen
from toolkit.init.questions import Asker
from toolkit.init.surroundings import ENV, Surroundings
from toolkit.values import Address, is_version

USUAL = Address("127.0.0.1:8080")
TOLD = "as it was given"
HOSTS = ("ALLOWED_HOSTS", "DJANGO_ALLOWED_HOSTS", "APP_HOST", "VIRTUAL_HOST")


class Seeing(Struct, frozen=True):
    """How the machine is looked at; tests look at another one."""

    image: Callable[[str], ImageConfig]
    health: Callable[[Binding | None, str], Seen]
    is_free: Callable[[Address], bool]
    by_ipv6: Callable[[int], bool] = ports.at_every_ipv6


class Planner:
    """One plan in the making. `notes` are sentences for the operator."""

    def __init__(
        self, around: Surroundings, given: Given, chosen: Chosen, ask: Asker, seeing: Seeing
    ) -> None:
        self._around, self._given, self._chosen = around, given, chosen
        self._ask, self._seeing = ask, seeing
        self._services = around.found.services
        self.notes = list(chosen.notes)
        self._https = False

    def plan(self, described: str, before: Config | None) -> Plan:
        """`described` is what git calls the checkout, `before` the bgctl.toml that is replaced.

        Raises Refused for what cannot be known, where nobody can be asked.
        """
        web = self._chosen.web
        domain = self._domain()
        host = None if domain else self._allowed_host()
        routes = {web: ("/",), **self._chosen.also}
        ports = {name: self._port(name) for name in routes}
        said = domain or (host.value if host else "")
        health = {name: self._health(name, ports[name].value, said) for name in routes}
        listen = self._listen(ports[web].value)
        places = self._addresses(list(routes), listen.value, before)
        reached = [
            Slotted(
                name,
                self._chosen.source if name == web else "its paths are released together with the others",
                routes=tuple(map(str, routes[name])),
                port=ports[name],
                health=health[name],
                addresses=places.slots[name],
                replicas=self._services[name].replicas,
            )
            for name in routes
        ]
        return Plan(
            name=self._around.name,
            services=[*reached, *self._workers()],
            listen=listen,
            control=places.control,
            sessions=places.sessions,
            version=self._version(described),
            domain=domain,
            health_host=host,
            https=bool(domain) or self._https,
            cookies=self._cookies(before),
            **self._of_the_project(),
        )

    def _of_the_project(self) -> dict[str, Any]:
        """What is the same whichever services are slotted."""
        return {
            "proxy": self._own_name(PROXY),
            "session_api": self._own_name(SESSION_API),
            "compose_files": self._compose_files(),
            "engine": self._given.engine,
        }

    def _cookies(self, before: Config | None) -> Guess[tuple[str, ...]] | None:
        """Those of the app's sessions: what was written before, else as its framework calls them."""
        if before and before.sessions.cookies:
            return Guess(before.sessions.cookies, "as it was")
        context = build_context.folder(self._services[self._chosen.web].build, self._around.root)
        return frameworks.cookies(context) if context else None

    def _workers(self) -> Iterator[Slotted]:
        for name in self._chosen.workers:
            why = f"runs the code of {self._chosen.web}, and publishes no port"
            yield Slotted(name, why, replicas=self._services[name].replicas)
        for name in self._chosen.inside:
            why = "only the other services ask it"
            yield Slotted(name, why, replicas=self._services[name].replicas)

    def _domain(self) -> str:
        if self._given.domain is not None:
            return str(self._given.domain)
        if not self._ask.can_ask:
            return ""
        question = "The domain that browsers show, by HTTPS? (Enter: none yet)"
        return str(self._ask.text(question, Host.parse, ""))

    def _allowed_host(self) -> Guess[str] | None:
        """A host name that the app insists on, as its environment says it."""
        known = compose_files.variables(self._around.root / ENV)
        for name in HOSTS:
            said = self._services[self._chosen.web].variable(name) or known.get(name) or ""
            for host in re.split(r"[\s,;]+", said):
                if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)+", host) and not host.startswith(
                    "127."
                ):
                    return Guess(host, f"of {name}: an app may refuse any other")
        return None

    def _image(self, name: str) -> ImageConfig:
        """What the service's image says, wherever the image is found: as it runs, or as compose calls it."""
        container = self._around.containers.get(name)
        project = self._around.name.value
        built = (f"{project}_{name}", f"{project}-{name}")
        for image in (container.image_id if container else "", self._services[name].image, *built):
            if image and (found := self._seeing.image(image)) != guesses.NONE:
                return found
        return guesses.NONE

    def _port(self, name: str) -> Guess[int]:
        if self._given.port and name == self._chosen.web:
            return Guess(self._given.port, TOLD)
        if found := guesses.port(self._services[name], self._image(name)):
            return found
        if self._ask.can_ask:
            return Guess(
                self._ask.text(f"At which port does {name} listen in its container?", _number, ""), TOLD
            )
        why = "neither ports nor expose, its healthcheck or its image says it"
        mend = "bgctl init --port PORT" if name == self._chosen.web else f'write expose: ["PORT"] for {name}'
        raise Refused(f"the port of {name} in its container is not known", why, mend)

    def _health(self, name: str, port: int, host: str) -> Guess[str]:
        service, image = self._services[name], self._image(name)
        if self._given.health and name == self._chosen.web:
            return Guess(str(self._given.health), TOLD)
        seen = self._seen(name, service, port, host)
        if found := guesses.health(service, image, port):
            return found
        if seen.path:
            return Guess(seen.path, "it answered with a 2xx here when bgctl init asked")
        if guesses.checked(service, image):
            return Guess("container", "its healthcheck, which the engine runs")
        if self._ask.can_ask:
            question = f"Which path of {name} answers with a 2xx while it is well?"
            return Guess(str(self._ask.text(question, HealthPath.parse, "/")), TOLD)
        self.notes.append(
            f"the health path of {name} is not known, and / is a guess: bgctl init --force --health PATH"
        )
        return Guess("/", "a guess: write a path that answers with a 2xx while it is well")

    def _seen(self, name: str, service: ComposeService, port: int, host: str) -> Seen:
        """What it answers where it runs now; a note where it refuses us."""
        if not self._around.running(name):
            return Seen()
        seen = self._seeing.health(guesses.binding(service, port), host)
        self._https = self._https or (seen.https and name == self._chosen.web)
        if seen.refused >= 400 and not host:
            more = "it may insist on a host name: bgctl init --force --domain NAME"
            self.notes.append(f"{name} answers {seen.refused} to all that bgctl init asks; {more}")
        return seen

    def _listen(self, port: int) -> Guess[Address]:
        web = self._chosen.web
        if self._given.listen:
            return Guess(self._given.listen, TOLD)
        if published := guesses.binding(self._services[web], port):
            address = guesses.listen(published, self._seeing.by_ipv6(published.published))
            return Guess(address, f"where {web} is published today: bgctl takes its place")
        used = self._published()
        free = next(
            each
            for each in (Address(f"127.0.0.1:{number}") for number in range(USUAL.port, 65536))
            if each.port not in used and self._seeing.is_free(each)
        )
        return Guess(free, f"{web} is published nowhere that stays the same")

    def _addresses(self, names: list[str], listen: Address, before: Config | None) -> Addresses:
        replicas = {name: self._services[name].replicas for name in names}
        return addresses.choose(replicas, {*self._published(), listen.port}, self._seeing.is_free, before)

    def _published(self) -> set[int]:
        return {each.published for service in self._services.values() for each in service.bindings}

    def _version(self, described: str) -> Guess[str]:
        known = compose_files.variables(self._around.root / ENV).get("CURRENT_VERSION")
        if known and self._given.version not in ("", known):
            what = f"CURRENT_VERSION is {known} in {ENV}"
            raise Refused(
                what, f"--version says {self._given.version}", f"edit {ENV}, or leave out --version"
            )
        if known and is_version(known):
            return Guess(known, f"CURRENT_VERSION of {ENV}")
        if self._given.version:
            return Guess(self._given.version, TOLD)
        return guesses.version(self._services[self._chosen.web].image, described)

    def _own_name(self, name: str) -> str:
        """What one of bgctl's own services is called: people's own services keep their names."""
        return f"bgctl-{name}" if name in self._services else name

    def _compose_files(self) -> Guess[tuple[str, ...]] | None:
        """Where plain compose would take other files, or its commands differ in which they take."""
        chosen = self._around.chosen
        if chosen.source == "bgctl.toml":
            return Guess(chosen.names, TOLD)
        if chosen.source == f"{compose_files.FILE} of the environment":
            return Guess(chosen.names, f"as {compose_files.FILE} names them: cron has another environment")
        kinds = (compose_files.NAMES, compose_files.OVERRIDES)
        if not chosen.source and any(
            len(compose_files.present(self._around.root, each)) > 1 for each in kinds
        ):
            return Guess(
                chosen.names, "there are others here, and compose commands differ in which they take"
            )
        return None


def _number(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text) or int(text) > 65535:
        raise ValueError(f"{text!r} is no port; write one like 8000")
    return int(text)

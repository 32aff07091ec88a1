"""The engine of a project on a swarm: as `Engine` for one host, with a service in place of each container."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from pathlib import Path

from toolkit.clock import SYSTEM
from toolkit.config import Config
from toolkit.config.engines import SWARM
from toolkit.engine import compose_files, process, yaml_text
from toolkit.engine.container import Container
from toolkit.engine.engine import CHANGE, LOOK, REMOVE, Engine, Keep
from toolkit.engine.handover import Line
from toolkit.engine.host import Host
from toolkit.errors import BgctlError, Failed, NotYet, Refused
from toolkit.swarm import images
from toolkit.swarm.commands import SwarmCommands, service_of
from toolkit.swarm.layout import IMAGE_USER, Layout
from toolkit.swarm.nodes import Node
from toolkit.swarm.services import Services
from toolkit.swarm.stack_file import Document, StackFile
from toolkit.swarm.tasks import SPECIFIED

START = 180.0  # seconds for a service to be started on a node; its image may have to be pulled
NAME_ANEW = "hostnamectl set-hostname NAME, on one of them; then start its docker again"
EACH = 0.2  # seconds between two looks at what the nodes have done
HOSTS = 2.0  # seconds between two looks at which nodes there are
ON_THIS_HOST = ("build", "config", "images", "pull", "push", "version")  # what compose does without the swarm


class SwarmEngine(Services, Engine):
    """A deployment changes the one service that it names: what else runs is known to the swarm alone.

    So a slot that is not wanted is in no file, and no file of ours has to say which ones are.
    """

    rootless = False  # a swarm's engines run as root
    user = IMAGE_USER
    group = None  # no file of this host is in a container
    changes_restart = SWARM.changes_restart

    def __init__(self, commands: SwarmCommands, root: Path, config: Config, patience: float = 30) -> None:
        """`patience`: seconds for each command that looks for services."""
        Engine.__init__(self, commands, root, config.placed, patience, config)
        self.label = config.project.node_label
        self._hosts: list[Node] = []
        self._seen = -inf
        self._layout = Layout.of(config, root, [root / name for name in commands.files])

    @property
    def summary(self) -> str:
        """ "a swarm of 3 nodes (a, b, c)"; with a label, those that have it."""
        names = [node.name for node in self.nodes()]
        which = f" with the label {self.label}" if self.label else ""
        return f"a swarm, of {len(names)} node{'s' * (len(names) != 1)}{which} ({', '.join(names)})"

    def hosts(self) -> Sequence[Host]:
        """As last seen, for a while: each look asks docker twice."""
        if SYSTEM.monotonic() - self._seen >= HOSTS:
            self._hosts, self._seen = self.nodes(), SYSTEM.monotonic()
        return self._hosts

    @property
    def here(self) -> str:
        """What the swarm calls the node whose docker this is."""
        ours = self.membership.node
        return next((node.name for node in self._all_nodes() if node.id == ours), "")

    def troubles(self) -> Iterator[BgctlError]:
        """Nodes that are down, or have no name of their own: reports of agents are told apart by it."""
        found = self.nodes()
        for node in found:
            if not node.ready:
                why = f"the swarm says {node.status.state} of it; it may serve all the same"
                what = f"node {node.name} ({node.address}) is not ready"
                yield NotYet(what, why, f"docker node inspect {node.name}")
        for name in {node.name for node in found if [each.name for each in found].count(node.name) > 1}:
            yield Refused(f"several nodes are called {name}", "bgctl tells them by name", NAME_ANEW)

    def look(self, service: str) -> Container | None:
        """The nodes run its HEALTHCHECK: a task that has one runs when that has passed."""
        return self.containers().get(service)

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        """Starts a service anew, on all its nodes; returns when each has started it, or could not.

        A slot is removed first, as on one host. Any other service is replaced one node after the other, and
        has there the grace that the stack file gives it.
        """
        stack = self._stack(env)
        made = stack.of(service, self._pinned(stack, service))
        if service in self.slotted:
            self.remove(service, grace, keep)
        before = self.standing(service)
        self._deploy(made, env)
        after = self.standing(service)
        if before and after and before.service.digest == after.service.digest and not before.partly:
            process.run(self.commands.replace_tasks(after.service.id), timeout=CHANGE)
        self._wait(service, len(before.places) if before else 1)
        self._sweep()

    def is_current(self, service: str, env: Mapping[str, str]) -> bool:
        """Whether a service runs as a deployment would have it now: its settings, image, keys and files."""
        stack, found = self._stack(env), self.standing(service)
        if found is None or not found.running:
            return False
        made = stack.of(service, self._pinned(stack, service))
        wanted: str = made["services"][service]["labels"][SPECIFIED]
        return found.service.mark == wanted

    def run_once(self, service: str, version: str, env: Mapping[str, str]) -> None:
        """Starts one task of the service beside all others, on one node, and does not wait for its end."""
        stack = self._stack(env)
        called = f"{service}-once-{hashlib.sha256(version.encode()).hexdigest()[:8]}"
        self._deploy(stack.once(service, called, version, self._pinned(stack, service)), env)

    def start(self, container: Container) -> None:
        """Starts new tasks of a service that is there, with all that it had."""
        process.run(self.commands.replace_tasks(service_of(container.id)), timeout=CHANGE)

    def _stack(self, env: Mapping[str, str]) -> StackFile:
        compose_files.check(self.commands.files, self.root)
        text = self._compose.config(self.told(env))
        return StackFile(yaml_text.read(text, doubled=False), self._layout)

    def _pinned(self, stack: StackFile, service: str) -> str:
        return images.pinned(self, stack.image(service), self._is_alone)

    def check_reach(self, image: str, built: bool) -> None:
        if images.reaches_nobody(self, image, built) and not self._is_alone():
            raise images.here_alone(image)

    def _is_alone(self) -> bool:
        return [node.id for node in self.nodes()] == [self.membership.node]

    def _deploy(self, made: Document, env: Mapping[str, str]) -> None:
        """What docker complains of may quote values of the env file."""
        argv, told = self.commands.deploy(), yaml_text.of(made)
        try:
            process.run(argv, timeout=START, env=self.told(env), cwd=self.root, told=told)
        except Failed as error:
            why = self._compose.without_secrets(error.why)
            raise type(error)(error.what, why, error.next or "bgctl doctor") from None

    def _wait(self, service: str, nodes: int) -> None:
        """Raises Failed where the swarm gives an update up, or does not come to its end.

        Where a service cannot run, that is for those to find who prove it: they know what else to say.
        """
        found, before = None, False
        each = START + 2 * self._layout.notice  # it is noticed that one goes, and that it is back
        for _ in SYSTEM.every(EACH, within=each * max(1, nodes)):
            found = self.standing(service)
            if found is None or found.hopeless:
                return
            # Seen twice. Tasks are listed, and then looked at: one that had gone by then may have been
            # listed without the one that follows it.
            if found.settled and before:
                return
            before = found.settled
            if found.service.update.state == "paused":
                why = "; ".join([found.service.update.message, found.words])
                raise Failed(f"{service} was not replaced on every node", why, "bgctl status")
        words = found.words if found else ""
        raise Failed(f"{service} was not started on every node in time", words, "bgctl status")

    def _sweep(self) -> None:
        """Removes secrets and configs that no service has any more."""
        used = {name for each in self._services() for name in each.contents}
        for kind in ("secret", "config"):
            there = self._ask(self.commands.of_stack(kind), LOOK).split()
            if gone := [name for name in there if name not in used]:
                process.run(self.commands.remove_contents(kind, *gone), timeout=CHANGE)

    def remove_one(
        self, container: Container, grace: float = 10, volumes: bool = False, keep: Keep = None
    ) -> None:
        """Removes a service, and waits until its tasks have ended on all nodes that answer.

        `keep` is given it before that: the swarm has no log of a service that is gone.
        """
        if keep:
            keep(container)
        service = service_of(container.id)
        names = {node.id: node.name for node in self._all_nodes() if node.ready}
        left = [each for each in self._tasks([service]) if each.node in names and not each.over]
        process.run(self.commands.remove_services(service), timeout=REMOVE)
        for _ in SYSTEM.every(EACH, within=grace + self._layout.notice + REMOVE):
            left = self._left_of(left)
            if not left:
                return
        where = sorted({names[each.node] for each in left})
        why = f"it is still on {', '.join(where)}"
        raise Failed(f"{container.service} does not stop", why, f"docker node ps {' '.join(where)}")

    def down(self, env: Mapping[str, str]) -> None:
        """Removes what is left of the stack: services, secrets, configs, networks. Volumes of nodes stay."""
        process.run(self.commands.remove_stack(), timeout=START)
        for _ in SYSTEM.every(EACH, within=REMOVE):
            if not self._ask(self.commands.of_stack("network"), LOOK).split():
                return
        project = self.commands.project
        raise Failed("the networks of the stack are still there", "", f"docker stack rm {project}")

    def signal(self, service: str, signal: str) -> None:
        """A node signals its own containers alone: for the others it would be left undone."""
        why = f"docker sends SIG{signal} on its own node only, and {service} is on several"
        raise Refused(f"{service} gets no signal on a swarm", why, "bgctl up   (replaces it node by node)")

    def typed(self, words: Sequence[str], env: Mapping[str, str]) -> Line:
        """Of a compose command line only what needs no containers: compose knows nothing of the swarm."""
        if not words or words[0] not in ON_THIS_HOST:
            why = "compose knows this host only, and the services are the swarm's"
            next = f"docker stack ps {self.commands.project}, or: docker service --help"
            raise Refused(f"{' '.join(words[:1]) or 'compose'} is nothing for a swarm", why, next)
        return super().typed(words, env)

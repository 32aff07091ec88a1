"""The command lines of docker for a swarm; like all others they are run elsewhere."""

from dataclasses import dataclass

from toolkit.config.engines import SWARM, EngineKind
from toolkit.engine.commands import Commands
from toolkit.engine.container import PROJECT

STACK = "com.docker.stack.namespace"  # a label of all that `docker stack deploy` makes


def service_of(container: str) -> str:
    """The swarm's id of a service, from the id of its container as `tasks.view` makes it."""
    return container.partition(".")[0]


@dataclass(frozen=True)
class SwarmCommands(Commands):
    """The ids of containers in it are those of services."""

    @property
    def kind(self) -> EngineKind:
        return SWARM

    def deploy(self) -> list[str]:
        """The stack file is on standard input. Its images have digests: no node asks what a tag is by now."""
        resolved = ["--with-registry-auth", "--resolve-image", "never"]
        return [self.binary, "stack", "deploy", "--compose-file", "-", *resolved, self.project]

    def remove_stack(self) -> list[str]:
        return [self.binary, "stack", "rm", self.project]

    def membership(self) -> list[str]:
        """The answer is what this engine knows of its swarm, as JSON."""
        return [self.binary, "info", "--format", "{{json .Swarm}}"]

    def services(self) -> list[str]:
        """The answer is the ids of the project's services, as in all commands that look for some."""
        label = f"label={PROJECT}={self.project}"
        return [self.binary, "service", "ls", "--quiet", "--filter", label]

    def inspect_services(self, *ids: str) -> list[str]:
        return [self.binary, "service", "inspect", *ids]

    def tasks(self, *ids: str) -> list[str]:
        return [self.binary, "service", "ps", "--quiet", "--no-trunc", *ids]

    def inspect_tasks(self, *ids: str) -> list[str]:
        return [self.binary, "inspect", "--type", "task", *ids]

    def task_states(self, *ids: str) -> list[str]:
        """The answer has a line for each task that is there still."""
        return [*self.inspect_tasks(*ids), "--format", "{{.NodeID}}"]

    def nodes(self) -> list[str]:
        return [self.binary, "node", "ls", "--quiet"]

    def inspect_nodes(self, *ids: str) -> list[str]:
        return [self.binary, "node", "inspect", *ids]

    def replace_tasks(self, service: str) -> list[str]:
        return [self.binary, "service", "update", "--detach", "--quiet", "--force", service]

    def remove_services(self, *services: str) -> list[str]:
        return [self.binary, "service", "rm", *services]

    def of_stack(self, kind: str) -> list[str]:
        """The answer is the names of its secrets, configs or networks (`kind` in the singular)."""
        label = f"label={STACK}={self.project}"
        return [self.binary, kind, "ls", "--filter", label, "--format", "{{.Name}}"]

    def remove_contents(self, kind: str, *names: str) -> list[str]:
        return [self.binary, kind, "rm", *names]

    def logs(self, container: str, lines: int | None, *options: str) -> list[str]:
        """Of the tasks on all nodes."""
        tail = [] if lines is None else ["--tail", str(lines)]
        return [self.binary, "service", "logs", "--raw", *tail, *options, service_of(container)]

"""A folder as `bgctl init` finds it, from the text of a compose file; nothing of it is started or asked."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from toolkit.config import Config
from toolkit.engine.commands import Commands
from toolkit.engine.compose import Compose
from toolkit.engine.compose_files import Chosen
from toolkit.engine.container import SERVICE, Container, Settings, Status
from toolkit.engine.engine import Engine
from toolkit.engine.images import ImageConfig
from toolkit.init import chosen, guesses
from toolkit.init.guesses import Guess
from toolkit.init.plan import Given, Plan
from toolkit.init.planning import Planner, Seeing
from toolkit.init.probe import Seen
from toolkit.init.questions import Asker, Nobody
from toolkit.init.surroundings import Surroundings
from toolkit.values import Address

T = TypeVar("T")
WEB = "services: {web: {build: ., ports: ['18000:8000']}}"


def around(
    root: Path,
    text: str,
    *,
    running: Collection[str] = (),
    active: Collection[str] = (),
    source: str = "",
    name: str = "shop",
) -> Surroundings:
    """`running` are the services that have a container."""
    (root / "compose.yaml").write_text(text)
    commands = Commands("docker", ("docker-compose",), "shop", ("compose.yaml",), ".env")
    containers = {
        each: Container(each, Status("running", True), Settings(labels={SERVICE: each})) for each in running
    }
    return Surroundings(
        root,
        Engine(commands, root),
        Compose.parse(text),
        Chosen(("compose.yaml",), source),
        frozenset(active),
        Guess(name, "what plain compose calls this project"),
        containers,
    )


class Answers:
    """Somebody at a terminal who gives these answers, in this order."""

    can_ask = True

    def __init__(self, *answers: str) -> None:
        self.left = list(answers)
        self.asked: list[str] = []

    def choose(self, question: str, options: Sequence[str]) -> str:
        self.asked.append(question)
        answer = self.left.pop(0)
        assert answer in options
        return answer

    def text(self, question: str, parse: Callable[[str], T], default: str) -> T:
        self.asked.append(question)
        return parse(self.left.pop(0) or default)


class Planned:
    """The plan for a compose file on a machine that is as it is said to be."""

    def __init__(
        self,
        world: Surroundings,
        given: Given | None = None,
        ask: Asker | None = None,
        *,
        image: ImageConfig = guesses.NONE,
        seen: Seen | None = None,
        taken: Collection[int] = (),
        by_ipv6: bool = False,
        described: str = "",
        before: Config | None = None,
    ) -> None:
        given, ask = given or Given(), ask or Nobody()
        self.hosts: list[str] = []

        def health(_: object, host: str) -> Seen:
            self.hosts.append(host)
            return seen or Seen()

        def is_free(address: Address) -> bool:
            return address.port not in taken

        seeing = Seeing(lambda _: image, health, is_free, lambda _: by_ipv6)
        planner = Planner(world, given, chosen.choose(world, given, ask), ask, seeing)
        self.plan: Plan = planner.plan(described, before)
        self.notes = planner.notes

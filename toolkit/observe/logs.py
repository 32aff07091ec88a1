"""Reads what the containers of a project have logged: their last lines in order of time, or from now on."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from msgspec import Struct

from toolkit import slots
from toolkit.config import SLOTS
from toolkit.engine import process
from toolkit.engine.container import Container
from toolkit.engine.engine import Engine
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project

LOOK = 1.0  # seconds between two looks for a new container
STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\S+) ?(.*)", re.DOTALL)  # as engines write it with --timestamps


class Line(Struct, frozen=True):
    """A line of a log. The fields are the keys of `bgctl logs --json`.

    `at` is when the engine got the line, in RFC 3339; "" for what the engine itself says.
    """

    service: str
    at: str
    line: str

    @classmethod
    def parse(cls, service: str, text: str) -> "Line":
        if found := STAMPED.fullmatch(text):
            return cls(service, found[1], found[2])
        return cls(service, "", text)


Tell = Callable[[Line], None]


def services(project: Project, name: str | None) -> list[str]:
    """The compose services that `name` means: a service, both slots of one, or all services of a slot.

    A slot of a service ("web-blue") has all its replicas there; one of the others is named ("web-blue-2").

    Raises Refused, with the names that there are.
    """
    config = project.config
    known = list(dict.fromkeys([*config.compose_services, *_running(project.engine)]))
    pairs = {each: config.pair(each) for each in config.slotted}
    replicas = {
        f"{each}-{slot}": [member.compose for member in pair if member.slot == slot]
        for each, pair in pairs.items()
        for slot in SLOTS
    }
    if name in replicas:
        return replicas[name]
    if name is None or name in known:
        return known if name is None else [name]
    meant = {slot: slots.names(project, slot) for slot in SLOTS}
    meant |= {each: [member.compose for member in pair] for each, pair in pairs.items()}
    if name in meant:
        return meant[name]
    names = [*meant, *known]
    near = get_close_matches(name, names, n=1)
    there = f"there are {', '.join(names)}"
    raise Refused(
        f"no slot or service is called {name}", there, f"bgctl logs {near[0]}" if near else "bgctl logs"
    )


def last(project: Project, names: list[str], count: int) -> tuple[list[Line], list[BgctlError]]:
    """`count` lines of each container, the oldest first; and why those of some could not be read."""
    lines: list[Line] = []
    faults: list[BgctlError] = []
    for each in _of(project.engine, names):
        try:
            lines += _read(project.engine, each, count)
        except Failed as error:
            faults.append(Failed(f"the log of {each.service} cannot be read", error.why))
    return sorted(lines, key=lambda line: line.at), faults


def follow(project: Project, names: list[str], count: int, tell: Tell) -> None:
    """Calls `tell` with each line, until Ctrl-C, or until standard output has no reader any more."""
    one_by_one = threading.Lock()

    def tell_alone(line: Line) -> None:
        with one_by_one:
            tell(line)

    for name in names:  # The threads are daemons: what they have started ends with them.
        follower = Follower(project.engine, name, count, tell_alone)
        threading.Thread(target=follower.run, daemon=True).start()
    pause = threading.Event()
    while not getattr(sys.stdout, "broken", False):
        pause.wait(LOOK)


class Follower:
    """Follows a service: over its containers, one after the other, and over their restarts.

    The first container's log is told from its last `count` lines on, those of later containers whole.
    """

    def __init__(self, engine: Engine, service: str, count: int, tell: Tell) -> None:
        self._engine, self._service, self._tell = engine, service, tell
        self._count: int | None = count  # None: a whole log
        self._id, self._at = "", ""  # the container, and the time of its last line that was told
        self._unreadable = ""  # a container whose log the engine does not read

    def run(self) -> None:
        pause = threading.Event()
        while True:
            self.look()
            pause.wait(LOOK)

    def look(self) -> None:
        """Follows the container that there is; returns when it has ended, or if there is none."""
        try:
            found = self._engine.containers().get(self._service)
        except BgctlError:
            found = None  # The engine restarts, perhaps, and will be back in a moment.
        if found and found.id != self._unreadable and (found.id != self._id or found.state.running):
            self._follow(found)
        self._count = None

    def _follow(self, container: Container) -> None:
        if container.id != self._id:
            self._id, self._at = container.id, ""
        since = ("--since", self._at) if self._at else ()
        argv = self._engine.commands.logs(container.id, self._count, "--follow", "--timestamps", *since)
        if process.follow(argv, self._take) and not self._at:
            self._unreadable = container.id  # The engine has said why; it need not say it every second.

    def _take(self, text: str) -> None:
        line = Line.parse(self._service, text)
        if line.at and line.at <= self._at:
            return  # It was told before the restart.
        self._at = line.at or self._at
        self._tell(line)


def _running(engine: Engine) -> list[str]:
    return sorted({each.service for each in engine.all()})


def _of(engine: Engine, names: list[str]) -> Iterator[Container]:
    found = engine.all()
    for name in names:
        yield from (each for each in found if each.service == name)


def _read(engine: Engine, container: Container, count: int) -> list[Line]:
    said: list[str] = []
    argv = engine.commands.logs(container.id, count, "--timestamps")
    process.run(argv, timeout=30, tell=said.append)
    return [Line.parse(container.service, text) for text in said]

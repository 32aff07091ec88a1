"""What the containers of a project have logged: their last lines in order of time, or from now on."""

import re
import sys
import threading
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from msgspec import Struct

from toolkit import slots
from toolkit.config import SLOTS
from toolkit.engine import process as runner
from toolkit.engine.container import Container
from toolkit.engine.engine import Engine
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project

LOOK = 1.0  # seconds between two looks for a container that has come
STAMPED = re.compile(r"(\d{4}-\d\d-\d\dT\S+) ?(.*)", re.DOTALL)


class Line(Struct, frozen=True):
    """`at` is when the engine got it; empty where it is the engine's own word."""

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
    """The compose services that a name means. Raises Refused, with the names that there are."""
    known = list(dict.fromkeys([*project.config.compose_services, *_running(project.engine)]))
    if name is None or name in known:
        return known if name is None else [name]
    meant = {slot: slots.names(project, slot) for slot in SLOTS}
    meant |= {each: [f"{each}-{slot}" for slot in SLOTS] for each in project.config.slotted}
    if name in meant:
        return meant[name]
    names = [*meant, *known]
    near = get_close_matches(name, names, n=1)
    there = f"there are {', '.join(names)}"
    raise Refused(
        f"no slot or service is called {name}", there, f"bgctl logs {near[0]}" if near else "bgctl logs"
    )


def last(project: Project, names: list[str], count: int) -> tuple[list[Line], list[BgctlError]]:
    """`count` lines of each container, the oldest first; and why some could not be read."""
    lines: list[Line] = []
    faults: list[BgctlError] = []
    for each in _of(project.engine, names):
        try:
            lines += _read(project.engine, each, count)
        except Failed as error:
            faults.append(Failed(f"the log of {each.service} cannot be read", error.why))
    return sorted(lines, key=lambda line: line.at), faults


def follow(project: Project, names: list[str], count: int, tell: Tell) -> None:
    """Until Ctrl-C, or until nobody reads. A service's next container is followed as well."""
    one_by_one = threading.Lock()

    def tell_alone(line: Line) -> None:
        with one_by_one:
            tell(line)

    for name in names:
        follower = Follower(project.engine, name, count, tell_alone)
        threading.Thread(target=follower.run, daemon=True).start()  # what it has started ends with it
    pause = threading.Event()
    while not getattr(sys.stdout, "broken", False):
        pause.wait(LOOK)


class Follower:
    """Follows a service over the containers that it has, one after the other, and over their restarts."""

    def __init__(self, engine: Engine, service: str, count: int, tell: Tell) -> None:
        self._engine, self._service, self._tell = engine, service, tell
        self._count: int | None = count  # of the first container; those that come later are told whole
        self._id, self._at = "", ""
        self._unreadable = ""

    def run(self) -> None:
        pause = threading.Event()
        while True:
            self.look()
            pause.wait(LOOK)

    def look(self) -> None:
        """Returns when the container has ended, or there is none."""
        try:
            found = self._engine.containers().get(self._service)
        except BgctlError:
            found = None  # an engine that restarts is back in a moment
        if found and found.id != self._unreadable and (found.id != self._id or found.state.running):
            self._follow(found)
        self._count = None

    def _follow(self, container: Container) -> None:
        if container.id != self._id:
            self._id, self._at = container.id, ""
        since = ("--since", self._at) if self._at else ()
        argv = self._engine.commands.logs(container.id, self._count, "--follow", "--timestamps", *since)
        if runner.follow(argv, self._take) and not self._at:
            self._unreadable = container.id  # and why, the engine has said once

    def _take(self, text: str) -> None:
        line = Line.parse(self._service, text)
        if line.at and line.at <= self._at:
            return  # told before the restart
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
    runner.run(argv, timeout=30, tell=said.append)
    return [Line.parse(container.service, text) for text in said]

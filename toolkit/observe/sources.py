"""Asks all that know something about a release: files, engine, proxy, session API, and the slots themselves.

All are asked at once, and each has a limit of its own.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from msgspec import Struct

from toolkit import slots
from toolkit.clients.proxy_status import Status
from toolkit.clients.session_api import Report
from toolkit.config import SLOTS
from toolkit.engine.container import Container
from toolkit.errors import BgctlError
from toolkit.files import history
from toolkit.files.history import Entry
from toolkit.observe.background import Answer, Question
from toolkit.project import Project
from toolkit.state.document import State

FILE, LISTENER, ENGINE = 1.0, 2.0, 3.0  # seconds that each kind of source may take

Containers = dict[str, Container]  # by the name of the service


class Health(Struct, frozen=True):
    """How a slot is. `word` is "healthy", what is wrong, or "" where nothing is to run in it.

    `advice` is the likely cause of what is wrong, and what to write. `serves_partly`: some of its replicas
    are up, and `word` says how many.
    """

    word: str
    advice: str = ""
    serves_partly: bool = False


class Found(Struct, frozen=True):
    """What each of the sources has said. `health` is by slot."""

    state: Answer[State]
    history: Answer[list[Entry]]
    containers: Answer[Containers]
    proxy: Answer[Status]
    report: Answer[Report]
    health: dict[str, Answer[Health]]


class Sources:
    """The sources of a project. `users` is how many users of the old version the session API is asked for."""

    def __init__(self, project: Project, users: int = 0) -> None:
        self._state = Question(project.state, FILE)
        self._history = Question(partial(history.read, project.history_path), FILE)
        self._containers = Question(project.containers, ENGINE)
        self._proxy = Question(partial(_status, project), LISTENER)
        self._report = Question(partial(_report, project, users), LISTENER)
        self._health = {slot: Question(partial(_health, project, slot), ENGINE) for slot in SLOTS}

    def ask(self, tell: Callable[[], None]) -> None:
        """Asks all whose last answer has come. `tell` is called, in a thread, whenever a new one has come."""
        for each in self._all:
            each.ask(tell)

    def wait(self) -> Found:
        """Asks all, and waits until each has answered or is over its limit."""
        arrived = threading.Event()
        self.ask(arrived.set)
        while self.waiting:
            arrived.wait(0.05)  # seconds: nothing tells when a source is over its limit
            arrived.clear()
        return self.found

    @property
    def unanswered(self) -> bool:
        """Whether an answer has yet to come, in time or not."""
        return any(each.unanswered for each in self._all)

    @property
    def waiting(self) -> bool:
        """Whether an answer may still come in time."""
        return any(each.waiting for each in self._all)

    @property
    def found(self) -> Found:
        health = {slot: each.answer for slot, each in self._health.items()}
        return Found(
            self._state.answer,
            self._history.answer,
            self._containers.answer,
            self._proxy.answer,
            self._report.answer,
            health,
        )

    @property
    def _all(self) -> list[Question[object]]:
        files = (self._state, self._history)
        return [*files, self._containers, self._proxy, self._report, *self._health.values()]


def _status(project: Project) -> Status:
    return project.proxy.status()


def _report(project: Project, users: int) -> Report:
    old = None
    with suppress(BgctlError):  # Without a usable state there is still a count.
        old = release.old if (release := project.state().deployment) else None
    return project.sessions.report(users=users, version=old)


def _health(project: Project, slot: str) -> Health:
    version = project.state().slots[slot].version
    if not version:
        return Health("")
    found = slots.standing(project, slot, version)
    if found.trouble is None:
        return Health("healthy")
    if found.partly:
        return Health(found.partly, str(found.trouble), serves_partly=True)
    return Health(found.trouble.seen, found.trouble.advice)

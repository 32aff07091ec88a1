"""A recipe of docs/recipes, done as its page says: with its commands, and to the bgctl.toml that it shows."""

from __future__ import annotations

import fcntl
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import docker

from testbed.project import ROOT
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd, User
from tests.e2e.support.walks import BUILD_SECONDS, COMPOSE_FILE, USERS, Walk, finish

PAGES = ROOT / "docs" / "recipes"
ADDRESS = re.compile(r"^[\d.]+:\d+$")
OF_THE_MACHINE = ("name", "engine", "control", "cookie_stem")
BEFORE, AFTER = "1", "2"  # the versions of each recipe


class Page:
    """What docs/recipes says of one of them."""

    def __init__(self, kind: str) -> None:
        self.text = (PAGES / f"{kind}.md").read_text()

    def options(self, command: str) -> list[str]:
        """What follows `bgctl COMMAND` where the page types it."""
        typed = re.findall(rf"^(?:\$ |    )bgctl {command}\b([^#\n]*)", self.text, re.M)
        assert len(typed) == 1, f"bgctl {command}: {typed}"
        words: list[str] = typed[0].split()
        return words

    @property
    def toml(self) -> dict[str, Any]:
        """What `init` writes, by the first of its blocks of TOML."""
        return tomllib.loads(self._blocks()[0])

    @property
    def added(self) -> str:
        """What its reader adds to that, by the other blocks."""
        return "\n".join(self._blocks()[1:])

    def _blocks(self) -> list[str]:
        return [found[1] for found in re.finditer(r"^```toml\n(.*?)^```$", self.text, re.M | re.S)]


class Recipe(Walk):
    """`page` is what its reader goes by."""

    cases = "recipes"
    page: Page

    def begin(self, path: str, **headers: str) -> None:
        """Plain compose, as before bgctl came."""
        self.compose("up", "-d")
        eventually(lambda: self.answers(path, **headers), "the app answers", patience=60)

    def take_over(self) -> None:
        """From plain compose to the first version with bgctl, by the commands of the page."""
        self.init(BEFORE, *self.page.options("init"))
        self.bgctl("adopt", *self.page.options("adopt"), "--yes")

    def _take_own_ports(self) -> None:
        written = (self.directory / "bgctl.toml").read_text()
        shown = _comparable(self.page.toml)
        assert _comparable(tomllib.loads(written)) == shown, f"the page has another one than:\n{written}"
        with (self.directory / "bgctl.toml").open("a") as file:
            file.write(f"\n{self.page.added}")
        super()._take_own_ports()

    def go_through(
        self,
        kind: type[User],
        develop: Callable[[], None],
        checks: Callable[[], None] | None = None,
        begun: Callable[[], None] = lambda: None,
    ) -> Crowd:
        """From plain compose to the second version, as the page says, while users are logged in.

        One of them has logged in before bgctl came, and is it still at the end. `begun` is called when bgctl
        has the first version, `checks` while both run. Returns all who were there.
        """
        assert self.page.options("deploy")[0] == AFTER
        crowd = Crowd(self.url, BEFORE, kind, USERS)
        early = kind(crowd, "early", BEFORE)
        crowd.direct = True
        early.log_in()
        crowd.direct = False
        self.take_over()
        early.come_back()
        early.log_off()
        begun()
        with crowd:
            develop()
            self.release(crowd, BEFORE, AFTER, partial(self._look, crowd, checks))
            early.come_back()
            assert early.session.version == AFTER, "promoted: whoever comes back has the new version"
            finish(self, crowd, AFTER)
        early.log_out()
        early.log_off()
        if self.cookie:
            self.has({}, "all have logged out, and nobody waits for an idle time")
        return crowd

    @property
    def cookie(self) -> str:
        """The app's own session cookie, as the page has it; "": it has none."""
        found: str = self.page.toml.get("sessions", {}).get("cookie", "")
        return found

    def has(self, sessions: dict[str, int], what: str) -> None:
        """So many sessions are counted on each version; of no user that is known, and no visitor."""

        def counted() -> bool:
            census = self.census()
            found = {name: count["sessions"] for name, count in census["versions"].items()}
            others = [count[kind] for count in census["versions"].values() for kind in ("users", "anonymous")]
            return {name: number for name, number in found.items() if number} == sessions and not any(others)

        try:
            eventually(counted, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.census()}") from None

    def _look(self, crowd: Crowd, checks: Callable[[], None] | None) -> None:
        """While both versions run: each browser that has logged in is one session."""
        if self.cookie:
            self.has({BEFORE: len(crowd.on(BEFORE)) + 1}, "all are counted, and who came before bgctl")
        if checks:
            checks()

    def drain_by_log_outs(self, kind: type[User]) -> None:
        """Back to the first version as a release that nothing ends but the log-outs of all users."""
        assert self.cookie
        crowd = Crowd(self.url, AFTER, kind, USERS)
        with crowd:
            crowd.released(BEFORE, AFTER)
            release = self.start(
                *("rollback", "--to", BEFORE, "--yes"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            try:
                eventually(lambda: self.switched() or release.poll() is not None, "switched", BUILD_SECONDS)
                self.has({AFTER: USERS}, "all are there")
                crowd.change_guard(AFTER, BEFORE)
                said, _ = release.communicate(timeout=BUILD_SECONDS)
            finally:
                release.kill()
            assert release.returncode == 0, said
            finish(self, crowd, BEFORE)
        self.has({}, "all have logged out")


def _comparable(table: dict[str, Any]) -> dict[str, Any]:
    """Without what differs from machine to machine: addresses, the folder's name, what the test has told."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items() if key not in OF_THE_MACHINE}
        return "an address" if isinstance(value, str) and ADDRESS.match(value) else value

    found: dict[str, Any] = {key: plain(inner) for key, inner in table.items()}
    return {key: inner for key, inner in found.items() if inner not in ({}, {"address": "an address"})}


@contextmanager
def cooking(folder: Path, kind: str, public: int) -> Iterator[Recipe]:
    """One at a time on a machine: the compose file of a recipe names its port."""
    with (Path(tempfile.gettempdir()) / f"bgctl-recipe-{kind}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recipe = Recipe.of(folder, kind, public, "docker")
        recipe.page, recipe.client = Page(kind), docker.from_env()
        try:
            yield recipe
            recipe.assert_clean_log()
            assert (recipe.directory / COMPOSE_FILE).read_bytes() == recipe.plain, "nobody has touched it"
        finally:
            recipe.remove()

"""A recipe of docs/recipes, done as its page says: with its commands, and to the bgctl.toml that it shows."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import docker

from tests.e2e.support.recipe_pages import Page, comparable
from tests.e2e.support.stacks import eventually
from tests.e2e.support.surfers import Surfer, Surfers, surfing
from tests.e2e.support.tls_front import tls_in_front
from tests.e2e.support.walkers import Crowd, User
from tests.e2e.support.walks import BUILD_SECONDS, COMPOSE_FILE, IDLE, USERS, Walk, finish

BEFORE, AFTER, LAST = "1", "2", "3"  # the versions of each recipe


class Recipe(Walk):
    """`page` is what its reader goes by."""

    cases = "recipes"
    page: Page
    surfers: Surfers | None = None  # who is there with a browser
    keeps: Collection[str] = ()
    left: Counter[str]  # by version: sessions of those who logged out and still have the app's cookie

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
        shown = comparable(self.page.toml)
        assert comparable(tomllib.loads(written)) == shown, f"the page has another one than:\n{written}"
        with (self.directory / "bgctl.toml").open("a") as file:
            file.write(f"\n{self.page.added}")
        super()._take_own_ports()

    def go_through(
        self,
        kind: type[User],
        develop: Callable[[], None],
        checks: Callable[[], None] | None = None,
        begun: Callable[[], None] = lambda: None,
        further: Callable[[], None] | None = None,
        keeps: Collection[str] = (),
    ) -> Crowd:
        """From plain compose to the second version, as the page says, while users are logged in.

        One of them has logged in before bgctl came, and is it still at the end. `begun` is called when bgctl
        has the first version, `checks` while both run. With `further`, which makes the third version, that is
        released as well. In the versions `keeps` a log-out leaves the cookie where it is. Returns the crowd.
        """
        self.keeps, self.left = keeps, Counter()
        assert self.page.options("deploy")[0] == AFTER
        crowd = Crowd(self.url, BEFORE, kind, USERS)
        crowd.pace *= 2 if self.surfers else 1  # Chromium is load enough
        early = kind(crowd, "early", BEFORE)
        crowd.direct = True
        early.log_in()
        self._come(crowd, "ada", BEFORE)
        crowd.direct = False
        self.take_over()
        early.come_back()
        early.log_off()
        self._come(crowd, "bob", BEFORE)
        begun()
        with crowd:
            develop()
            self._release(crowd, BEFORE, AFTER, checks)
            early.come_back()
            early.log_off()
            assert early.session.version == AFTER, "promoted: whoever comes back has the new version"
            if further:
                further()
                self._release(crowd, AFTER, LAST)
                early.come_back()
            last = LAST if further else AFTER
            finish(self, crowd, last)
            self.left[last] += len(crowd.on(last)) + 1 if last in keeps else 0
        early.log_out()
        early.log_off()
        self._is_over(last)
        return crowd

    def _come(self, crowd: Crowd, name: str, version: str) -> None:
        if self.surfers:
            self.surfers.come(crowd, name, version)

    def _release(self, crowd: Crowd, old: str, new: str, checks: Callable[[], None] | None = None) -> None:
        """A release, through which whoever has logged in stays so, in whichever version has to answer."""
        staying, regulars = list[str](), len(crowd.on(old))
        self.release(crowd, old, new, lambda: staying.extend(self._look(crowd, old, new, checks)))
        crowd.settled()
        self.left[old] += regulars if old in self.keeps else 0
        if self.surfers:
            self.surfers.wake(*staying)
            self.surfers.go_round()
            assert set(self.surfers.on(new)) == set(self.surfers.awake()), "promoted"
            self.surfers.check()

    def _look(self, crowd: Crowd, old: str, new: str, checks: Callable[[], None] | None) -> list[str]:
        """While both versions run: each browser that has logged in is one session.

        Returns whose browsers are still open with the old version.
        """
        regulars = len(crowd.on(old)) + 1
        self._has({old: regulars}, "all are counted, and who came before bgctl")
        if checks:
            checks()
        if not self.surfers:
            return []
        self._come(crowd, f"user of {new}", new)
        self.surfers.go_round()
        self.surfers.go_round()
        self._has({old: regulars}, "who comes is counted with the new version")
        leaving = self.surfers.on(old)[-1]
        self.surfers.log_out(leaving)
        self.left[old] += old in self.keeps or self.surfers.kind.begins_anew
        self._has({old: regulars}, "who logs out is no session, unless the app leaves a cookie")
        self.surfers.go_round()
        staying = self.surfers.on(old)
        self.surfers.rest(*staying)
        return staying

    def _has(self, sessions: dict[str, int], what: str) -> None:
        """So many sessions are counted on each version, beside browsers and those who are `left`."""
        if self.cookie:
            surfers = self.surfers.versions() if self.surfers else []
            self.has(self.left + Counter(surfers) + Counter(sessions), what)

    def _is_over(self, version: str) -> None:
        """All have logged out, and nobody waits for an idle time but for those who are `left`."""
        if self.surfers:
            awake = self.surfers.awake()
            self.surfers.log_out(*awake)
            self.left[version] += len(awake) if self.surfers.kind.begins_anew else 0
        if self.cookie:
            self.has(+self.left, "all have logged out")
            self.has({}, "and have been idle", idle=4)

    @property
    def cookie(self) -> str:
        """The app's own session cookie, as the page has it; "": it has none."""
        found: str = self.page.toml.get("sessions", {}).get("cookie", "")
        return found

    def has(self, sessions: Mapping[str, int], what: str, idle: int = 0) -> None:
        """So many sessions are counted on each version; of no user that is known.

        The only visitors are browsers that have logged out and shown a page after that.
        """
        gone = self.surfers.gone if self.surfers else 0

        def counted() -> bool:
            census = self.census(idle=idle)
            found = {name: count["sessions"] for name, count in census["versions"].items()}
            users, visitors = (
                sum(count[kind] for count in census["versions"].values()) for kind in ("users", "anonymous")
            )
            return +Counter(found) == Counter(sessions) and not users and visitors <= gone

        try:
            eventually(counted, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.census()}") from None

    def drain_by_log_outs(self, kind: type[User], now: str = AFTER, older: str = BEFORE) -> None:
        """Back to an older version as a release that nothing ends but the log-outs of all users.

        Whom the app has left with a cookie after a log-out is the one that is waited for then.
        """
        assert self.cookie
        crowd = Crowd(self.url, now, kind, USERS)
        with crowd:
            crowd.released(older, now)
            release = self.start(
                *("rollback", "--to", older, "--yes"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
            try:
                eventually(lambda: self.switched() or release.poll() is not None, "switched", BUILD_SECONDS)
                self.has(self.left + Counter({now: USERS}), "all are there")
                crowd.change_guard(now, older)
                if any(self.left.values()):
                    self.has(self.left + Counter({older: USERS}), "all have logged out")
                    release.terminate()
                    self.bgctl("drain", "--yes", "--idle-timeout", IDLE)
                said, _ = release.communicate(timeout=BUILD_SECONDS)
            finally:
                release.kill()
            assert any(self.left.values()) or release.returncode == 0, said
            finish(self, crowd, older)
        self.has(+self.left, "all have logged out")


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


@contextmanager
def browsed(recipe: Recipe, kind: type[Surfer], host: str) -> Iterator[Surfers]:
    """People with browsers are there all the time. TLS for `host` ends in front of the project."""
    with (
        tls_in_front(recipe.directory.parent, host, recipe.public) as port,
        surfing(kind, f"https://{host}", f"--host-resolver-rules=MAP {host}:443 127.0.0.1:{port}") as surfers,
    ):
        recipe.surfers = surfers
        yield surfers
        surfers.check()

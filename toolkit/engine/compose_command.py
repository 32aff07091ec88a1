"""The compose command of a project: runs it with its environment, and keeps secrets out of what it says."""

import os
import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from toolkit.config import Config
from toolkit.engine import compose_files, diagnosis, process
from toolkit.engine.commands import Commands
from toolkit.engine.derived_file import DerivedFile
from toolkit.engine.handover import DOCUMENT, Line
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.files import env_file
from toolkit.files.env_file import VERSIONS

CONFIG = 60.0  # seconds for `config`
START = 180.0  # seconds for what starts or removes containers
BUILD = 3600.0  # seconds
# Seconds for which an answer of `config` holds: a file that another one includes may change unseen.
FRESH = 30.0
SECRET = 5  # letters: a shorter value of the env file is shown, such as a port
DETAIL = 20  # lines of a build that has failed
_INSTRUCTION = re.compile(r"\s*(?:step \d+/\d+ ?:|#\d+ \[.*\d+/\d+\])", re.IGNORECASE)

Answer = str | Refused


class ComposeCommand:
    """`env` is in each method what the command is told over the env file, as `with_derived` completes it."""

    def __init__(self, commands: Commands, root: Path, config: Config | None = None) -> None:
        """`config`: its services that the compose file has once are derived into pairs; None: none are."""
        self._commands = commands
        self._root = root
        self._answers: dict[object, tuple[float, Answer]] = {}  # by what was asked: when, and the answer
        self._derived = DerivedFile(config, commands, root, self._plain) if config else None

    def with_derived(self, env: Mapping[str, str]) -> dict[str, str]:
        """`env`, and what the env file derives from it, such as TAG=${VERSION}.

        A command that resolves such a line by itself is not told it. What is exported to this process comes
        before the env file, here as it does for compose.
        """
        if self._commands.compose_kind.resolves_env_file:
            return dict(env)
        try:
            found = env_file.load_derived(self._root / self._commands.env_file, env)
        except BgctlError:
            return dict(env)  # an env file that is broken must not prevent a rollback
        return {**{name: value for name, value in found.items() if name not in os.environ}, **env}

    def config(self, env: Mapping[str, str]) -> str:
        """The compose files as the command understands them, and what is derived. Raises Refused."""
        derived = self._derived.text(env) if self._derived else None
        return derived or self._plain(env)

    def _plain(self, env: Mapping[str, str]) -> str:
        """What `config` prints of the user's files.

        One bgctl command asks for the same many times, and each answer takes up to a second: it is kept.
        """
        compose_files.check(self._commands.files, self._root)
        asked, now = (frozenset(env.items()), self._marks()), time.monotonic()
        known = self._answers.get(asked)
        if known is None or now - known[0] > FRESH:
            known = self._answers[asked] = (now, self._ask_config(env))
        if isinstance(known[1], Refused):
            refused = known[1]
            raise Refused(refused.what, refused.why, refused.next)
        return known[1]

    def run(
        self,
        words: Callable[[Commands], list[str]],
        env: Mapping[str, str],
        timeout: float = START,
        tell: Callable[[str], None] | None = None,
    ) -> str:
        """Runs the command line that `words` makes; derived pairs go to its standard input.

        So what their secrets are is on no disk. Complaints of the command may quote values of the env file:
        those are put into names again.
        """
        fed = self._derived.fed(env) if self._derived else None
        commands = self._commands.piped if fed else self._commands
        return self._said(words(commands), env, timeout, tell, fed)

    def typed(self, words: Sequence[str], env: Mapping[str, str]) -> Line:
        """The command line with `words`, which an operator has typed, and its derived compose file.

        That is handed over beside standard input, which `exec` and `run` need. A compose command that takes
        its folder from the compose file's place gets it on standard input; but `exec` starts nothing, and
        needs no folder.
        """
        fed = self._derived.fed(env) if self._derived else None
        if fed is None:
            return Line(self._commands.typed(words), env, self._root)
        takes_folder = self._commands.compose_kind.takes_folder
        if not takes_folder and words[:1] != ["exec"]:
            return Line(self._commands.piped.typed(words), env, self._root, fed)
        folder = self._root if takes_folder else None
        return Line(self._commands.reading(DOCUMENT).typed(words, folder), env, self._root, fed)

    def _said(
        self,
        argv: Sequence[str],
        env: Mapping[str, str],
        timeout: float,
        tell: Callable[[str], None] | None = None,
        fed: str | None = None,
    ) -> str:
        try:
            return process.run(argv, timeout=timeout, env=env, cwd=self._root, tell=tell, told=fed)
        except Failed as error:
            why = self.without_secrets(error.why)
            raise type(error)(error.what, why, error.next, error.detail) from None

    def build(
        self, services: Sequence[str], env: Mapping[str, str], tell: Callable[[str], None] | None
    ) -> None:
        """`tell` gets each instruction as it begins. Raises Failed with the last lines of both outputs.

        Why a build fails is mostly told on standard output.
        """
        said: list[str] = []

        def hear(line: str) -> None:
            said.append(line)
            if tell and _INSTRUCTION.match(line):
                tell(self.without_secrets(line.strip()))

        try:
            self.run(lambda commands: commands.build(*services), env, BUILD, hear)
        except Failed as error:
            detail = self.without_secrets("\n".join(line for line in said[-DETAIL:] if line.strip()))
            again, engine = self.build_by_hand(services, env), self._commands.binary
            raise diagnosis.of_build(error, detail, engine, ", ".join(services), again) from None

    def build_by_hand(self, services: Sequence[str], env: Mapping[str, str]) -> str:
        """The command that an operator would type for a build."""
        if self._derived and (line := self._derived.build_by_hand(services, env)):
            return line
        versions = [f"{name}={env[name]}" for name in VERSIONS if env.get(name)]
        return shlex.join([*versions, *self._commands.build(*services)])

    def _ask_config(self, env: Mapping[str, str]) -> Answer:
        try:
            return self._said(self._commands.config(), env, CONFIG)
        except process.Ended as error:
            files = ", ".join(Path(file).name for file in self._commands.files)
            what = f"{self._commands.compose_kind.name} refuses {files}"
            return Refused(what, f"it says: {error.why}", f"edit {files}")

    def _marks(self) -> tuple[tuple[int, int, int] | None, ...]:
        """What differs once the compose files or the env file have been written."""

        def mark(path: Path) -> tuple[int, int, int] | None:
            try:
                found = path.stat()
            except OSError:
                return None
            return found.st_ino, found.st_mtime_ns, found.st_size

        return tuple(mark(self._root / name) for name in (*self._commands.files, self._commands.env_file))

    def without_secrets(self, said: str) -> str:
        """With the names of the env file instead of what they stand for."""
        try:
            values = env_file.load(self._root / self._commands.env_file)
        except BgctlError:
            return said
        hidden = [pair for pair in values.items() if pair[0] not in VERSIONS and len(pair[1]) >= SECRET]
        for name, value in sorted(hidden, key=lambda pair: len(pair[1]), reverse=True):
            said = said.replace(value, f"${{{name}}}")
        return said

"""The files of a project: where they are, and the two that bgctl reads and writes in place."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path

from session_api.keys import key_files
from toolkit import config
from toolkit.files import env_file
from toolkit.files.atomic import NotSynced
from toolkit.terminal.ui import UI


class ProjectFiles:
    """All are below `root`, the project directory."""

    def __init__(self, root: Path, ui: UI, found: config.Config | None = None) -> None:
        """`found` is the configuration, if it has been read already. Raises Refused where it is wrong."""
        self.root = root.resolve()
        self.ui = ui
        self.config_path = self.root / "bgctl.toml"
        self.config = found or config.load(self.config_path)
        self.state_dir = self.root / "state"
        self.state_path = self.state_dir / "state.json"
        self.engine_path = self.state_dir / "engine"
        self.needs_path = self.state_dir / "needs.json"
        self.history_path = self.state_dir / "history.jsonl"
        self.keys_dir = self.root / "keys"
        self.secret_path = partial(key_files.find, self.keys_dir)
        self.data_dir = self.root / "data"
        self.proxy_dir = self.root / "proxy"
        self.env_path = self.root / self.config.project.env_file

    @cached_property
    def compose_files(self) -> tuple[Path, ...]:
        from toolkit.engine import compose_files

        return tuple(self.root / name for name in compose_files.choose(self.config.project, self.root).names)

    @property
    def compose_path(self) -> Path:
        """The first compose file, for messages that concern all of them."""
        return self.compose_files[0]

    def env(self) -> dict[str, str]:
        """The env file. Raises Refused where it is broken."""
        return env_file.load(self.env_path)

    def set_env(self, key: str, value: str) -> None:
        with self.in_place():
            env_file.set_value(self.env_path, key, value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Warns where a power cut could undo what was written. The work goes on: the new file is in force."""
        try:
            yield
        except NotSynced as error:
            self.ui.warn(str(error))

"""Runs the agent of a node: python3 -m session_api.agent."""

import os
import sys
from pathlib import Path
from tempfile import TemporaryFile
from threading import Event, Thread
from typing import NoReturn

from session_api import logs
from session_api.agent import settings
from session_api.agent.control import Control
from session_api.agent.ending import Ending
from session_api.agent.follower import Follower
from session_api.agent.last import Last
from session_api.agent.reporter import Reporter
from session_api.agent.shared import Shared
from session_api.cluster.keys import Keys
from session_api.errors import SetupError


def main() -> NoReturn:
    """Ends with the reason where the environment is unfit, else by a signal."""
    ending = Ending()
    ending.install()
    logs.configure()
    try:
        configured = settings.from_environment(os.environ)
        last = Last(configured.state)
        _check_folder(configured.state.parent)
    except SetupError as error:
        sys.exit(f"agent: {error}")
    keys, news = Keys(configured.project), Event()
    folder = configured.state.parent
    shared = (configured.store, keys, configured.node)
    follower = Follower(Shared(*shared), last, folder, news, ending)
    control = Control(configured.control)
    reporter = Reporter(configured.node, Shared(*shared), control, follower, news)
    Thread(target=reporter.run, daemon=True).start()
    follower.run()


def _check_folder(folder: Path) -> None:
    """Raises SetupError where state.json could not be replaced."""
    try:
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"{folder} cannot be written: {error.strerror}"
        raise SetupError(what, "let the user of this container write there") from None


if __name__ == "__main__":
    main()

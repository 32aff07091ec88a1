"""Finds the engine of a project, and its compose command."""

import os
import sys
from pathlib import Path

from toolkit.config import Config
from toolkit.config.engines import ENGINES, NAMES, EngineKind
from toolkit.engine import compose_files, process, user_session
from toolkit.engine.commands import Commands
from toolkit.engine.engine import Engine
from toolkit.errors import Failed, Refused

ANSWER = 20  # seconds for a compose command to say its version


def detect(config: Config, root: Path, noted: str | None = None) -> Engine:
    """The engine that bgctl.toml names, else the one noted, else the first that answers. Raises Refused.

    The containers run on the one that is noted: while it is silent, another would start a second stack.
    """
    named = None if config.project.engine == "auto" else str(config.project.engine)
    silent: dict[str, str] = {}
    for name in [only] if (only := named or noted) else NAMES:
        found = ask(ENGINES[name], config, root)
        if isinstance(found, Engine):
            return found
        silent[name] = found
    if noted and not named:
        what, start = f"{noted}, on which this project runs, {silent[noted]}", f"start {noted}"
        raise Refused(what, "its containers are there", f"{start}, or name another engine in bgctl.toml")
    why = "; ".join(f"{name} {reason}" for name, reason in silent.items())
    start, *others = NAMES
    raise Refused("no container engine is usable", why, f"start {start}, or install {' or '.join(others)}")


def ask(kind: EngineKind, config: Config, root: Path) -> Engine | str:
    """The engine, or why it cannot be used."""
    if not process.which(kind.name):
        return "is not installed"
    if kind.needs_user_session:
        user_session.find(os.getuid())
    try:
        engine = Engine(commands(kind, config, root), root, config.placed, config=config)
        engine.rootless  # noqa: B018  (asking is the test)
    except Refused as error:
        return f"{error.what.removeprefix(kind.name).strip()}: {error.why}"
    except Failed as error:
        return f"does not answer ({error.why.splitlines()[-1] if error.why else error.what})"
    return engine


def commands(kind: EngineKind, config: Config, root: Path) -> Commands:
    project = config.project
    files = compose_files.choose(project, root).names
    return Commands(kind.binary, _compose_command(kind), project.name, files, project.env_file)


def _compose_command(kind: EngineKind) -> tuple[str, ...]:
    """The first of the engine's compose commands that is there. Raises Refused where none is."""
    for each in kind.compose:
        if each.is_plugin and answers(*each.words, "version"):
            return each.words
        if not each.is_plugin and (path := process.which(each.name)):
            # One that is installed beside our own interpreter is called by its path: it is on no PATH.
            beside_us = Path(path).parent == Path(sys.executable).parent
            return (path if beside_us else each.name, *each.options)
    raise Refused(f"{kind.name} has no compose command", f"install {kind.separate_compose}", "bgctl doctor")


def answers(*argv: str) -> bool:
    try:
        process.run(argv, timeout=ANSWER)
    except Failed:
        return False
    return True

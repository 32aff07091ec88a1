"""Finds the swarm of a project, through the docker of this host."""

from pathlib import Path

from toolkit.config import Config
from toolkit.config.engines import SWARM
from toolkit.engine import detection, process
from toolkit.errors import Failed, Refused
from toolkit.swarm.commands import SwarmCommands
from toolkit.swarm.engine import SwarmEngine


def join(config: Config, root: Path, patience: float = 30) -> SwarmEngine:
    """Raises Refused where this host has no docker, or is no manager of a swarm."""
    if not process.which(SWARM.binary):
        why = 'bgctl.toml has engine = "swarm"'
        raise Refused(f"{SWARM.binary} is not installed", why, f"install {SWARM.binary}")
    engine = SwarmEngine(commands(config, root), root, config, patience)
    try:
        membership = engine.membership
    except Failed as error:
        why = error.why.splitlines()[-1] if error.why else error.what
        raise Refused(f"{SWARM.binary} does not answer", why, f"start {SWARM.binary}") from None
    membership.check()
    return engine


def commands(config: Config, root: Path) -> SwarmCommands:
    plain = detection.commands(SWARM, config, root)
    return SwarmCommands(plain.binary, plain.compose, plain.project, plain.files, plain.env_file)

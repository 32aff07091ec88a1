"""All that `bgctl init` writes for a plan, bgctl.toml last: with that a folder is a project."""

from collections.abc import Iterator
from pathlib import Path

from toolkit import config
from toolkit.config import Config
from toolkit.engine import git
from toolkit.engine.build_context import OURS
from toolkit.errors import BgctlError, Refused
from toolkit.files.env_file import VERSIONS
from toolkit.init import additions, text
from toolkit.init.files import Change
from toolkit.init.plan import Plan
from toolkit.init.surroundings import ENV, Surroundings

TOML = "bgctl.toml"
OLD = "bgctl.toml.old"  # what --force has replaced


def before(root: Path, force: bool) -> Config | None:
    """The bgctl.toml that is replaced, where it can be read. Raises Refused where it may not be replaced."""
    path = root / TOML
    if not path.exists():
        return None
    if not force:
        why = "it is never overwritten without a word"
        mend = f"bgctl init --dry-run --force   (what would change), or: bgctl init --force   (keeps {OLD})"
        raise Refused(f"{path.resolve()} is there already", why, mend)
    try:
        return config.load(path)
    except BgctlError:
        return None


def changes(plan: Plan, around: Surroundings) -> list[Change]:
    """Raises Refused where the env file cannot be read."""
    return list(_changes(plan, around))


def _changes(plan: Plan, around: Surroundings) -> Iterator[Change]:
    root = around.root
    if change := additions.env(root / ENV, dict.fromkeys(VERSIONS, plan.version.value)):
        yield change
    yield from additions.dockerignore(around.found, root)
    ignored = git.ignored(root, OURS)
    if ignored is not None and (change := additions.gitignore(root, ignored)):
        yield change
    written = text.of(plan)
    config.parse(written)  # whatever is wrong is told before anything is written
    toml = Change.of(root / TOML, written)
    if toml.before == toml.after:
        return
    if toml.before is not None:
        yield Change.of(root / OLD, toml.before.decode(errors="replace"))
    yield toml

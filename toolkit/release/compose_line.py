"""`bgctl compose`: a compose command line with bgctl's environment, unless it would break a release.

What changes something is refused while another bgctl is at work. It keeps the lock itself only where it is
short: a build, or a shell in a container, must not keep a rollback out.
"""

from collections.abc import Sequence

from toolkit.engine import compose_words, handover
from toolkit.engine.compose_words import BESIDE, IMAGES, Words
from toolkit.engine.handover import Line
from toolkit.errors import Failed, Refused
from toolkit.project import Project
from toolkit.release import down

# The command of bgctl that does what a compose command would do to what bgctl runs.
INSTEAD = {
    "down": "bgctl down",
    "rm": "bgctl down",
    "stop": "bgctl down",
    "kill": "bgctl down",
    "pause": "bgctl pause",
    "unpause": "bgctl resume",
    "up": "bgctl up, or for a new version: bgctl deploy VERSION",
    "create": "bgctl up",
    "start": "bgctl up",
    "restart": "bgctl up",
    "scale": "replicas = N in bgctl.toml, then: bgctl up",
    "run": "bgctl compose -- run --no-deps ..., or: bgctl exec",
}


def run(project: Project, argv: Sequence[str], force: bool = False) -> None:
    """Becomes the compose command, or runs it under the lock where it changes something.

    Raises Refused for what would break a release, unless `force`, and Locked while another bgctl is at work.
    """
    words = compose_words.read(argv)
    check_project(words)
    if not force and (refused := refusal(words, ours(project))):
        raise refused
    line = project.engine.typed(list(argv), environment(project))
    if words.reads:
        handover.become(line)
    with project.change(words.what):  # Raises Locked, whatever becomes of the lock then.
        if words.is_short:
            _attend(words, line)
    if not words.is_short:
        handover.become(line)


def ours(project: Project) -> list[str]:
    """The services that bgctl starts and stops."""
    return project.config.compose_services


def check_project(words: Words) -> None:
    """Raises Refused where the command line is for another project, with force or without."""
    if words.ours:
        why = "project, files, profile and engine are those of bgctl.toml"
        raise Refused(f"{words.ours} is not for you to say", why, "plain compose, or: bgctl --project FOLDER")


def refusal(words: Words, ours: Sequence[str]) -> Refused | None:
    """Why a command line is not run; None: it does no harm to a release. `ours`: what bgctl starts."""
    if words.reads:
        return None
    insist = "bgctl compose --force -- ..."
    if not words.is_known:
        what = f"{words.subcommand or 'nothing'} is no compose command that bgctl knows"
        return Refused(what, "whether it would break a release is unknown", f"to insist: {insist}")
    if words.subcommand in IMAGES:
        return None
    if words.has("--remove-orphans"):
        why = "a slot that is not in the compose file of this moment would be removed"
        return Refused("--remove-orphans would break a release", why, f"bgctl down; to insist: {insist}")
    hit = _hit(words, ours)
    if not hit:
        return None
    why = f"bgctl starts and stops {', '.join(hit)}, and would not know of it"
    next = f"{INSTEAD.get(words.subcommand, 'bgctl up')}; to insist: {insist}"
    return Refused(f"{words.subcommand} would break a release", why, next)


def _hit(words: Words, ours: Sequence[str]) -> list[str]:
    """What bgctl runs of what the command would start, stop or change."""
    reaches = words.subcommand in ("up", "run", "create") and not words.has("--no-deps")
    if words.subcommand in BESIDE:
        return ["what it depends on"] if reaches else []
    if words.subcommand == "down" or not words.services:
        return list(ours)
    return [name for name in words.services if name in ours]


def environment(project: Project) -> dict[str, str]:
    """The variables of the versions that run. Before the first `up`, of the one in the env file."""
    if project.adopted:
        return down.environment(project)
    version = project.env().get("CURRENT_VERSION") or "none"
    return project.compose_env(version, version)


def _attend(words: Words, line: Line) -> None:
    if code := handover.attend(line):
        raise Ended(words, code)


class Ended(Failed):
    """The compose command has failed, and has said why. Its exit code is ours."""

    def __init__(self, words: Words, code: int) -> None:
        super().__init__(f"{words.what} ended with exit code {code}", "it says why above")
        self.code = code

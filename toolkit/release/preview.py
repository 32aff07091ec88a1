"""`bgctl preview`: green for who is shown the way, before anyone else gets it; and a check of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from toolkit import slots
from toolkit.config import public_url
from toolkit.engine import process as runner
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.release import preview_link as link
from toolkit.release import route
from toolkit.release.preview_link import Link
from toolkit.release.steps import preview
from toolkit.state import document as state
from toolkit.state import gate
from toolkit.state.document import State

HIDDEN = "[preview token]"


@dataclass(frozen=True)
class Wish:
    """What the link is to be. `life` is in seconds; None and "": as bgctl.toml has it."""

    to: str = "/"
    life: float | None = None
    url: str = ""


@dataclass(frozen=True)
class Preview:
    link: Link
    version: str
    expires: datetime


def run(project: Project, wish: Wish, command: str = "", dry_run: bool = False) -> Preview | None:
    """The link; None: a dry run. Raises Failed when `command` does, and then things are as they were."""
    check_wish(project, wish)
    if command:
        gate.check_open(project.state().gate, project.now())
    if dry_run:
        now = project.state()
        preview([route.step(project, now, goal(project, now))], project.ui)
        return None
    before = admit(project)
    if command:
        _checked(project, before, make(project, wish), command)
    return make(project, wish)


def check(project: Project, command: str) -> str:
    """Runs `command` on green, by way of the proxy; a note. After Failed things are as they were."""
    check_wish(project, Wish())
    return _checked(project, admit(project), make(project, Wish()), command)


def check_wish(project: Project, wish: Wish) -> None:
    """Raises Refused with nothing changed."""
    link.check_path(wish.to)
    link.read_secret(project.secret_path("pin.secret"))


def goal(project: Project, now: State) -> State:
    """Proves green where it would serve somebody now. Raises Refused."""
    target = state.preview(now, project.now())
    if target != now:
        route.prove(project, now, target)
    elif target.deployment and (problem := slots.fault(project, "green", target.deployment.new)):
        raise Refused("green is not healthy", problem, f"bgctl up-green {target.deployment.new}")
    return target


def admit(project: Project) -> State:
    """Green serves who has a link, in every worker. Returns the state as it was before."""
    with project.change("preview"):
        now = project.state()
        target = goal(project, now)
        if target == now:
            route.confirm(project, now)
        else:
            project.ui.line("ok", "preview", route.switch(project, target), "green")
    return now


def take_back(project: Project) -> None:
    """Nobody is shown green any more, unless the release has gone on since."""
    now = project.state()
    if now.phase == "preview":
        route.switch(project, state.disable_green(now, project.now()))


def make(project: Project, wish: Wish) -> Preview:
    now = project.now()
    life = wish.life or project.config.preview.life
    before = project.state()
    version = state.serving_version(before, "green")
    secret = link.read_secret(project.secret_path("pin.secret"))
    token = link.mint(secret, version, before.generation, now, life)
    base = wish.url or public_url.base(project.config)
    made = Link(base, token, wish.to, link.stem(project.config))
    return Preview(made, version, now + timedelta(seconds=int(life)))


def _checked(project: Project, before: State, shown: Preview, command: str) -> str:
    """Raises MovedOn where somebody else has changed the release meanwhile."""
    mine = project.state()
    try:
        _run(project, shown, command)
    except (BgctlError, KeyboardInterrupt):
        with project.change("preview check", wait=route.PATIENCE):
            route.check_still(project, mine)
            if before.phase == "candidate":
                take_back(project)
            raise
    with project.change("preview check", wait=route.PATIENCE):
        route.check_still(project, mine)
        return f"{shown.version} passes: {command}"


def _run(project: Project, shown: Preview, command: str) -> None:
    """Without the lock: a check that hangs must not keep a rollback out."""
    env = {
        "BGCTL_URL": shown.link.base,
        "BGCTL_VERSION": shown.version,
        "BGCTL_PREVIEW_URL": shown.link.url,
        "BGCTL_PREVIEW_COOKIE": shown.link.cookie,
    }

    def hide(text: str) -> str:
        return text.replace(shown.link.token, HIDDEN)

    try:
        runner.run(
            ["sh", "-c", command],
            timeout=project.config.preview.check_timeout,
            env=env,
            cwd=project.root,
            called="the check of green",
            tell=lambda line: project.ui.say(f"     {hide(line)}", "dim"),
        )
    except Failed as error:
        why = "green does not pass"
        raise Failed(
            error.what, why, "bgctl preview --check CMD, or: bgctl rollback", hide(error.why)
        ) from None

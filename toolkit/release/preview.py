"""`bgctl preview`: a link that leads to green before others get it; and the operator's own check of green."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from toolkit import hooks, slots
from toolkit.config import public_url
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Project
from toolkit.release import preview_link, route
from toolkit.release.moved_on import check_still
from toolkit.release.preview_link import Link
from toolkit.release.steps import show_plan
from toolkit.state import gate, transitions
from toolkit.state.document import State

HIDDEN = "[preview token]"


@dataclass(frozen=True)
class LinkRequest:
    """`to` is the path that the link leads to, `life` is in seconds; None and "": as bgctl.toml has it."""

    to: str = "/"
    life: float | None = None
    url: str = ""


@dataclass(frozen=True)
class Preview:
    link: Link
    version: str
    expires: datetime


def run(project: Project, asked: LinkRequest, command: str = "", dry_run: bool = False) -> Preview | None:
    """Returns the link; None: a dry run. Raises Failed when `command` fails; then all is as it was before."""
    check_request(project, asked)
    if command:
        gate.check_open(project.state().gate, project.now())
    if dry_run:
        now = project.state()
        show_plan([route.step(project, now, goal(project, now))], project.ui)
        return None
    before = admit(project)
    if command:
        _checked(project, before, make(project, asked), command)
    return make(project, asked)


def check(project: Project, command: str) -> str:
    """Runs `command` on green, by way of the proxy. Returns a note. After Failed all is as it was before."""
    check_request(project, LinkRequest())
    return _checked(project, admit(project), make(project, LinkRequest()), command)


def check_request(project: Project, asked: LinkRequest) -> None:
    """Raises Refused with nothing changed."""
    preview_link.check_path(asked.to)
    preview_link.read_secret(project.secret_path("pin.secret"))


def goal(project: Project, now: State) -> State:
    """The state in which green serves previews. Raises Refused unless green is healthy."""
    target = transitions.preview(now, project.now())
    if target != now:
        route.prove(project, now, target)
    elif target.deployment and (problem := slots.fault(project, "green", target.deployment.new)):
        raise Refused("green is not healthy", problem, f"bgctl up-green {target.deployment.new}")
    return target


def admit(project: Project) -> State:
    """Has every worker send the holders of a link to green. Returns the state as it was before."""
    with project.change("preview"):
        now = project.state()
        target = goal(project, now)
        if target == now:
            route.confirm(project, now)
        else:
            project.ui.line("ok", "preview", route.switch(project, target), "green")
    return now


def take_back(project: Project) -> None:
    """Ends the preview, unless the release has gone on since."""
    now = project.state()
    if now.phase == "preview":
        route.switch(project, transitions.disable_green(now, project.now()))


def make(project: Project, asked: LinkRequest) -> Preview:
    now = project.now()
    life = asked.life or project.config.preview.life
    before = project.state()
    version = transitions.serving_version(before, "green")
    secret = preview_link.read_secret(project.secret_path("pin.secret"))
    token = preview_link.mint(secret, version, before.generation, now, life)
    base = asked.url or public_url.base(project.config)
    made = Link(base, token, asked.to, preview_link.stem(project.config))
    return Preview(made, version, now + timedelta(seconds=int(life)))


def _checked(project: Project, before: State, shown: Preview, command: str) -> str:
    """Raises MovedOn where another bgctl has changed the release meanwhile."""
    mine = project.state()
    try:
        _run(project, shown, command)
    except (BgctlError, KeyboardInterrupt):
        with project.change("preview check", wait=route.PATIENCE):
            check_still(project, mine)
            if before.phase == "candidate":
                take_back(project)
            raise
    with project.change("preview check", wait=route.PATIENCE):
        check_still(project, mine)
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
        hooks.run(
            ["sh", "-c", command],
            called="the check of green",
            folder=project.root,
            env=env,
            timeout=project.config.preview.check_timeout,
            tell=lambda line: project.ui.say(f"     {hide(line)}", "dim"),
        )
    except Failed as error:
        why = "green does not pass"
        raise Failed(
            error.what, why, "bgctl preview --check CMD, or: bgctl rollback", hide(error.why)
        ) from None

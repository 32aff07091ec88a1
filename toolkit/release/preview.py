"""`bgctl preview`: green for who is shown the way, before anyone else gets it; and a check of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from toolkit import slots
from toolkit.engine import process as runner
from toolkit.errors import BgctlError, Failed, Refused
from toolkit.project import Site
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


def run(site: Site, wish: Wish, command: str = "", dry_run: bool = False) -> Preview | None:
    """The link; None: a dry run. Raises Failed when `command` does, and then things are as they were."""
    check_wish(site, wish)
    if command:
        gate.check_open(site.state().gate, site.now())
    if dry_run:
        now = site.state()
        preview([route.step(site, now, goal(site, now))], site.ui)
        return None
    before = admit(site)
    if command:
        _checked(site, before, make(site, wish), command)
    return make(site, wish)


def check(site: Site, command: str) -> str:
    """Runs `command` on green, by way of the proxy; a note. After Failed things are as they were."""
    check_wish(site, Wish())
    return _checked(site, admit(site), make(site, Wish()), command)


def check_wish(site: Site, wish: Wish) -> None:
    """Raises Refused with nothing changed."""
    link.check_path(wish.to)
    link.read_secret(site.secret_path("pin.secret"))


def goal(site: Site, now: State) -> State:
    """Proves green where it would serve somebody now. Raises Refused."""
    target = state.preview(now, site.now())
    if target != now:
        route.prove(site, now, target)
    elif target.deployment and (problem := slots.fault(site, "green", target.deployment.new)):
        raise Refused("green is not healthy", problem, f"bgctl up-green {target.deployment.new}")
    return target


def admit(site: Site) -> State:
    """Green serves who has a link, in every worker. Returns the state as it was before."""
    with site.change("preview"):
        now = site.state()
        target = goal(site, now)
        if target == now:
            route.confirm(site, now)
        else:
            site.ui.line("ok", "preview", route.switch(site, target), "green")
    return now


def take_back(site: Site) -> None:
    """Nobody is shown green any more, unless the release has gone on since."""
    now = site.state()
    if now.phase == "preview":
        route.switch(site, state.disable_green(now, site.now()))


def make(site: Site, wish: Wish) -> Preview:
    now = site.now()
    life = wish.life or site.config.preview.life
    before = site.state()
    version = state.serving_version(before, "green")
    secret = link.read_secret(site.secret_path("pin.secret"))
    token = link.mint(secret, version, before.generation, now, life)
    base = wish.url or link.base(site.config)
    made = Link(base, token, wish.to, link.stem(site.config))
    return Preview(made, version, now + timedelta(seconds=int(life)))


def _checked(site: Site, before: State, shown: Preview, command: str) -> str:
    """Raises MovedOn where somebody else has changed the release meanwhile."""
    mine = site.state()
    try:
        _run(site, shown, command)
    except (BgctlError, KeyboardInterrupt):
        with site.change("preview check", wait=route.PATIENCE):
            route.check_still(site, mine)
            if before.phase == "candidate":
                take_back(site)
            raise
    with site.change("preview check", wait=route.PATIENCE):
        route.check_still(site, mine)
        return f"{shown.version} passes: {command}"


def _run(site: Site, shown: Preview, command: str) -> None:
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
            timeout=site.config.preview.check_timeout,
            env=env,
            cwd=site.root,
            called="the check of green",
            tell=lambda line: site.ui.say(f"     {hide(line)}", "dim"),
        )
    except Failed as error:
        why = "green does not pass"
        raise Failed(
            error.what, why, "bgctl preview --check CMD, or: bgctl rollback", hide(error.why)
        ) from None

"""The moments of a release: the operator's own commands at them, [hooks], and who is told of them, [notify].

No lock is held meanwhile: a command that hangs must not keep a rollback out.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal

from toolkit import hooks
from toolkit.config import public_url
from toolkit.errors import BgctlError, Failed
from toolkit.notices import outbox
from toolkit.project import Project
from toolkit.state.document import Deployment

Before = Literal["pre_build", "pre_switch", "pre_promote"]
After = Literal["post_up_green", "post_switch", "post_promote", "on_rollback"]
EVENTS: dict[After, str] = {  # as a notice names them
    "post_up_green": "up-green",
    "post_switch": "switch",
    "post_promote": "promote",
    "on_rollback": "rollback",
}


def before(project: Project, moment: Before, old: str | None, new: str) -> None:
    """Raises Failed when the command fails: then the release goes no further."""
    _run(project, moment, old or "", new)


def after(project: Project, moment: After, release: Deployment) -> None:
    """Only warns when the command fails: what it follows has happened."""
    try:
        _run(project, moment, release.old, release.new)
    except Failed as error:
        project.ui.warn(error.line)
    outbox.tell(project, EVENTS[moment], release.old, release.new)


@contextmanager
def failing(project: Project) -> Iterator[None]:
    """Runs [hooks] on_failure when what is done within it fails. What is refused has changed nothing."""
    try:
        yield
    except Failed as error:
        failed(project, error)
        raise


def failed(project: Project, error: BgctlError) -> None:
    """Runs [hooks] on_failure. Only warns when that fails, too."""
    release = None
    with suppress(BgctlError):
        release = project.state().deployment
    old, new = (release.old, release.new) if release else ("", "")
    try:
        _run(project, "on_failure", old, new, BGCTL_REASON=str(error))
    except Failed as second:
        project.ui.warn(second.line)
    outbox.tell(project, "failure", old, new, str(error))


def around(project: Project, *moments: Before | After) -> str:
    """What the line of a plan says of them; "" where none of them has a command."""
    named = [moment for moment in moments if getattr(project.config.hooks, moment)]
    return f"; hooks: {', '.join(named)}" if named else ""


def _run(project: Project, moment: str, old: str, new: str, **more: str) -> None:
    """`old` and `new` are the versions of the release, or "". `more` are further variables. Raises Failed."""
    settings = project.config.hooks
    command = getattr(settings, moment)
    if not command:
        return
    with project.ui.step(moment.replace("_", "-")) as note:
        note(command)
        try:
            hooks.run(
                ["sh", "-c", command],
                called=f"[hooks] {moment}",
                folder=project.root,
                env={
                    "BGCTL_HOOK": moment,
                    "BGCTL_OLD_VERSION": old,
                    "BGCTL_VERSION": new,
                    "BGCTL_PROJECT_NAME": str(project.config.project.name),
                    "BGCTL_URL": public_url.base(project.config),
                    **more,
                },
                timeout=settings.timeout,
                tell=lambda line: project.ui.say(f"     {line}", "dim"),
            )
        except Failed as error:
            next = "mend it, or [hooks] in bgctl.toml, then run the same command again"
            raise Failed(error.what, "the command's last lines are below", next, error.why) from None

"""`bgctl adopt`: what runs today becomes blue, without a lost request."""

from msgspec import Struct
from msgspec.structs import replace

from toolkit import slots
from toolkit.adopt import back, ending, gap, holders, image_tags, listening, netfilter, plan, settings
from toolkit.adopt.plan import Plan
from toolkit.checks.preflight import Given
from toolkit.engine.compose import Compose
from toolkit.errors import Refused
from toolkit.files import adoption_file
from toolkit.files.adoption_file import REDIRECT, Adoption
from toolkit.project import Project
from toolkit.release import shared_services, up
from toolkit.release.steps import Step, walk
from toolkit.release.up_checks import check
from toolkit.values import stamp


class Terms(Struct, frozen=True):
    """`deadline`: seconds for what is open on what runs today. `redirect`: whether one may be tried.

    `leave_volumes`: blue begins without the anonymous volumes of what runs. `yes`: a gap is not asked for.
    """

    deadline: float
    redirect: bool = True
    leave_volumes: bool = False
    yes: bool = False


def run(project: Project, terms: Terms, dry_run: bool = False) -> bool:
    """Whether there was anything to do."""
    begun = adoption_file.read(project.state_dir)
    if begun is None and project.adopted:
        check_once(project)
        project.ui.say(f"{project.config.project.name} is adopted already")
        return False
    with project.change("adopt", dry_run):
        begun = adoption_file.read(project.state_dir)  # another one may have been killed just now
        planned, found = _look(project, terms, begun, dry_run)
        if dry_run:
            for line in planned.describe():
                project.ui.say(line)
        elif begun is None:
            gap.check_asked(project, planned, terms.yes)
        first = [*prepare(project, planned, found, begun), *people_first(project, planned, terms)]
        last = finish(project, planned)
        if dry_run:
            walk([*first, *last], project.ui, dry_run=True)
            return True
        walk(first, project.ui, take_back=True)
        walk(last, project.ui)
    return True


def check_once(project: Project) -> None:
    """Raises Refused where plain compose has the port again, after an earlier adoption."""
    if project.engine.running(project.config.proxy_service):
        return
    there = [each for each in project.engine.all() if each.state.running]
    if held := holders.find(there, slots.public(project)):
        what = f"{held[0].name} has {held[0].addresses[0]} again, by plain compose"
        why = f"{project.state_dir.name}/ is of an earlier adoption"
        raise Refused(what, why, "mv state state.old, then: bgctl adopt")


def _look(project: Project, terms: Terms, begun: Adoption | None, dry_run: bool) -> tuple[Plan, Compose]:
    if begun:
        netfilter.check_user(begun, "adopt")
        return plan.again(project, begun)
    planned, found = plan.look(project, terms.redirect, terms.leave_volumes, dry_run)
    for each in planned.holders:
        settings.tell_lost(project, each)
    return planned, found


def prepare(project: Project, planned: Plan, found: Compose, begun: Adoption | None) -> list[Step]:
    """Blue and the proxy beside what runs. Raises Refused with all that is wrong, and nothing changed."""
    target = project.state() if project.adopted else None
    given = Given(frozenset(tag.name for tag in planned.tags), frozenset(planned.temporary))
    check(project, target, pull=True, given=given)
    target = target or up.first_state(project)
    blue = target.slots.blue.version or ""
    return [
        Step(
            name="note",
            what="note what runs, in state/adoption.json",
            do=lambda: note(project, planned, begun),
            undo=lambda: back.everything(project),
            undone="what ran before serves as before",
            stays=True,
        ),
        Step(
            name="image",
            what=f"call what runs {', '.join(tag.name for tag in planned.tags)}: nothing is built",
            do=lambda: image_tags.give(project, planned.tags),
            needed=lambda: bool(planned.tags),
            skipped="blue has its image",
        ),
        *up.until_routing(project, target, found, given),
        *shared_services.steps(project, found, blue),
    ]


def note(project: Project, planned: Plan, begun: Adoption | None) -> str:
    if begun and any(each.container.state.running for each in planned.holders):
        begun = replace(begun, real=False)  # The proxy cannot listen where they do.
        if begun.way == REDIRECT and all(each.state.running for each in planned.old):
            begun = replace(
                begun, stopped=False
            )  # `restart: always` after a reboot: people come to them again
    new = begun or Adoption(
        since=stamp(project.now()),
        way=planned.way,
        old=tuple(each.id for each in planned.old),
        temporary=planned.temporary,
        tagged=tuple(tag.name for tag in image_tags.absent(project, planned.tags)),
        kept=tuple(name for name in project.config.shared if project.engine.running(name)),
    )
    project.state_dir.mkdir(exist_ok=True)
    adoption_file.write(project.state_dir, new)
    names = ", ".join(dict.fromkeys(each.service for each in planned.old))
    return f"{'goes on' if begun else 'begins'}: {names} until blue serves"


def people_first(project: Project, planned: Plan, terms: Terms) -> list[Step]:
    """New connections get the proxy, and old ones their time. Up to here all can be taken back."""
    alike = Step(
        name="settings",
        what="compare blue's environment with that of what runs",
        do=lambda: settings.compare(project, planned.old),
    )
    if planned.way != REDIRECT:
        port = Step(
            name="gap",
            what=f"stop {_names(planned)}, and listen there",
            do=lambda: gap.take(project, planned, terms.yes),
            needed=lambda: not listening.is_stopped(project),
        )
        return [alike, port]
    return [
        alike,
        Step(
            name="redirect",
            what=f"send new connections to {' and '.join(planned.temporary)} to the proxy",
            do=lambda: listening.redirect(project),
            needed=lambda: not listening.is_stopped(project),
        ),
        Step(
            name="finish",
            what=f"wait until nothing is open on {_names(planned)}",
            do=lambda: ending.wait_empty(project, planned.holders, terms.deadline),
        ),
    ]


def finish(project: Project, planned: Plan) -> list[Step]:
    """What ran is stopped, and the proxy has its port. From here on it only goes on."""
    return [
        Step(name="stop", what=f"stop {_all(planned)}", do=lambda: stop(project, planned)),
        Step(
            name="listen",
            what=f"have the proxy listen on {' and '.join(slots.public(project))}",
            do=lambda: listening.take(project),
        ),
        Step(
            name="remove",
            what=f"remove {_all(planned)}, not their volumes",
            do=lambda: forget(project),
        ),
    ]


def stop(project: Project, planned: Plan) -> str:
    listening.note(project, stopped=True)
    front = {each.container.id for each in planned.holders}
    return ending.stop(project, planned.old, lambda each: each.id in front)


def forget(project: Project) -> str:
    said = ending.remove(project, listening.note(project).old)
    adoption_file.remove(project.state_dir)
    return said


def _names(planned: Plan) -> str:
    return " and ".join(each.name for each in planned.holders)


def _all(planned: Plan) -> str:
    return ", ".join(dict.fromkeys(each.service for each in planned.old))

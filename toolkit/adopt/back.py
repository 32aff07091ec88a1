"""Takes an adoption back: what ran before serves alone again, and of bgctl nothing runs."""

from toolkit import slots
from toolkit.adopt import image_tags, listening, netfilter
from toolkit.errors import Refused
from toolkit.files import adoption_file
from toolkit.project import Project
from toolkit.release.steps import Step, walk


def run(project: Project, dry_run: bool = False) -> None:
    """`bgctl adopt --back`. Raises Refused where there is no way back any more."""
    if adoption_file.read(project.state_dir) is None:
        if not project.adopted:
            return project.ui.say("no adoption is under way; nothing to do")
        plain = f"bgctl down, then: {project.engine.compose_command} up -d"
        raise Refused("no adoption is under way", "this project is adopted", plain)
    with project.change("adopt --back", dry_run):
        walk(steps(project), project.ui, dry_run)
    if not dry_run:
        project.ui.say("what ran before serves as before; keys/ and data/ are left for another time")
    return None


def steps(project: Project) -> list[Step]:
    check(project)
    return [
        Step(name="redirect", what="lift the redirect", do=lambda: lift(project)),
        Step(
            name="undo", what="stop proxy, blue and session API; forget the state", do=lambda: undo(project)
        ),
    ]


def check(project: Project) -> None:
    found = adoption_file.read(project.state_dir)
    if found:
        netfilter.check_user(found, "adopt --back")
    if found and found.stopped:
        why = "what ran before is stopped, or about to be, and blue serves"
        plain = f"bgctl down, then: {project.engine.compose_command} up -d"
        raise Refused("the adoption cannot be taken back any more", why, f"bgctl adopt, then: {plain}")


def everything(project: Project) -> None:
    """All of it at once, after a failure."""
    check(project)
    lift(project)
    undo(project)


def lift(project: Project) -> str:
    """People get what ran before; who is on the way to the proxy arrives there, and is answered."""
    found = adoption_file.read(project.state_dir)
    lifted = netfilter.lift(str(project.config.project.name), found.temporary if found else {})
    if lifted and found:
        listening.wait_accepted(project, found)
    return "new connections go where they went before" if lifted else "there is none"


def undo(project: Project) -> str:
    """The proxy finishes what it has open before its slot goes."""
    there = project.engine.containers()
    proxy = project.config.proxy_service
    if proxy in there:
        project.engine.remove(proxy, project.config.drain.request_deadline)
    slots.stop(project, "blue")
    found = adoption_file.read(project.state_dir)
    for name in project.config.shared:
        if not (found and name in found.kept):
            project.engine.remove(name, project.grace(name))
    image_tags.take(project, found.tagged if found else ())
    project.state_path.unlink(missing_ok=True)
    (project.state_dir / "state.json.last").unlink(missing_ok=True)
    (project.state_dir / "releases.json").unlink(missing_ok=True)
    adoption_file.remove(project.state_dir)
    return "proxy, blue and session API are gone"

"""`bgctl rollback --to VERSION`: an older version comes back, as a release like any other.

The sessions of today's version are drained, as in every release. What one-shots such as migrations have made
of the data stays: the older version has to live with it.
"""

from toolkit.errors import Refused
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.release import deploy, one_shot, proof_record, rollback
from toolkit.release.deploy_plan import Plan, at_rest_on, check_asking
from toolkit.state.document import State
from toolkit.state.releases import dated


def run(project: Project, plan: Plan, dry_run: bool = False) -> None:
    """In a release whose old version this is, it is the ordinary rollback."""
    now = project.state()
    if now.deployment and now.deployment.old == plan.version:
        rollback.run(project, dry_run=dry_run)
        return
    if not at_rest_on(now, plan.version):
        check(project, now, plan, dry_run)
    deploy.run(project, plan, dry_run)


def check(project: Project, now: State, plan: Plan, dry_run: bool) -> None:
    """Raises Refused with nothing changed. Warns of migrations, which do not run."""
    version, release = plan.version, now.deployment
    if release and not (release.new == version and one_shot.returned(project, version)):
        first = f"bgctl rollback, then: {plan.command}"
        what = f"a release is under way: {release.old} to {release.new} (phase {now.phase})"
        raise Refused(what, "one release at a time", first)
    if not release:
        _check_known(project, version)
    if not dry_run:
        check_asking(project, plan)
    for name in proof_record.one_shots(project, version):
        blue = now.slots.blue.version
        why = f"{version} finds the data as {blue} leaves it"
        project.ui.warn(f"{name} does not run for {version}: {why}; a backup is the only way further back")


def _check_known(project: Project, version: str) -> None:
    known = releases_file.read(project.state_dir)
    if known.of(version) is not None:
        return
    others = [each for each in known.last if not at_rest_on(project.state(), each.version)]
    why = f"known are {dated(others)}" if others else "no other version has been released here yet"
    next = f"bgctl rollback --to {others[0].version}" if others else f"bgctl deploy {version}"
    raise Refused(f"{version} has never been proven here", why, next)

"""Brings back the containers of blue that green has, while blue itself is out of service."""

from toolkit import slots
from toolkit.project import Project
from toolkit.release.in_service import in_service
from toolkit.release.steps import Step
from toolkit.state.document import State


def steps(project: Project, target: State) -> list[Step]:
    """A step, where a release leaves services unchanged and blue is stopped: else they start with blue."""
    names, serving = slots.unchanged_names(project), in_service(target)
    if not names or not serving or "blue" in serving:
        return []
    return [
        Step(
            name="start-unchanged",
            what=f"start {', '.join(names)}, which green has of blue",
            do=lambda: slots.start_unchanged(project, target.slots.blue.version or ""),
            needed=lambda: not all(map(project.engine.running, names)),
            skipped="runs already",
        )
    ]

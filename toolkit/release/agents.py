"""The agents of several hosts, each of which brings the state to its node."""

from toolkit.project import Project
from toolkit.release.steps import Step
from toolkit.swarm import layout


def steps(project: Project) -> list[Step]:
    """One that starts them, where there are several hosts."""
    if not project.cluster:
        return []
    return [
        Step(
            name="agents",
            what="start on each node what brings it the state",
            do=lambda: start(project),
        )
    ]


def start(project: Project) -> str:
    project.engine.up(layout.AGENT, project.blue_env())
    return f"on {', '.join(host.name for host in project.engine.hosts())}"

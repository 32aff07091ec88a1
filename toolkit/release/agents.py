"""The agents of several hosts, each of which brings the state to its node."""

from toolkit.cluster.cluster import Cluster
from toolkit.project import Project
from toolkit.release.steps import Step
from toolkit.swarm import layout


def steps(project: Project) -> list[Step]:
    """One that starts them, where there are several hosts."""
    cluster = project.cluster
    if not cluster:
        return []
    return [
        Step(
            name="agents",
            what="start on each node what brings it the state",
            do=lambda: start(project, cluster),
        )
    ]


def start(project: Project, cluster: Cluster) -> str:
    """Starts them, or replaces them where they have something else by now, or one that runs is not heard."""
    engine, env = project.engine, project.blue_env()
    nodes = ", ".join(host.name for host in engine.hosts())
    if engine.is_current(layout.AGENT, env) and not cluster.look().silent():
        return f"run already on {nodes}"
    engine.up(layout.AGENT, env)
    return f"on {nodes}"

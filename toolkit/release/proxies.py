"""The proxies of several hosts: what has changed for them is in new containers, one node after the other.

Neither a file nor a key of a container on a swarm can be changed. On one host nginx loads it anew instead
(toolkit/rendering/reload.py).
"""

from toolkit import slots
from toolkit.drift import noting
from toolkit.project import Project
from toolkit.rendering import reload


def start(project: Project) -> str:
    """Starts them, or replaces them where anything that they have is another one by now."""
    name, env = project.config.proxy_service, project.blue_env()
    files = reload.wanted_or_stored(project, anew=True)
    reload.store(project, files)
    if project.engine.is_current(name, env):
        return reload.NOTHING
    noting.up(project, name, env)
    reload.mark_loaded(project, files)
    return f"each node's listens on {' and '.join(slots.public(project))}"

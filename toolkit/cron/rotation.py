"""Puts the access log aside where it has become large: each tick looks."""

from toolkit.files import access_log
from toolkit.project import Project


def run(project: Project) -> bool:
    """Whether it was put aside. Raises Failed."""
    proxy = project.config.proxy
    if not proxy.access_log_file:
        return False

    def reopen() -> None:
        if project.engine.running(project.config.proxy_service):  # else it begins a new file when it starts
            project.engine.signal(project.config.proxy_service, "USR1")

    path = access_log.folder(project.proxy_dir) / proxy.access_log_file
    return access_log.rotate(path, proxy.access_log_size.bytes, proxy.access_log_keep, reopen)

"""What bgctl.toml cannot have where the project is placed on several hosts (engine = "swarm")."""

from collections.abc import Iterator

from toolkit.config.configuration import Config
from toolkit.config.table import Where

ONE_HOST = 'and engine = "swarm" has several'


def problems(config: Config) -> Iterator[tuple[Where, str]]:
    """Each as (path of the setting, what is wrong and what to write)."""
    if not config.project.engine.several_hosts:
        if config.project.node_label:
            yield ("project", "node_label"), 'is for a swarm; add engine = "swarm", or remove it'
        return
    if config.acme.on:
        why = f"answers an authority on one host, {ONE_HOST}"
        yield ("acme", "agree_tos"), f"{why}; obtain it elsewhere, and name it as certificate in [tls]"
    if config.tls.acme_webroot:
        yield ("tls", "acme_webroot"), f"is a folder of one host, {ONE_HOST}; remove it"
    if config.proxy.access_log_file:
        why = f"is on one host, {ONE_HOST}"
        yield (
            ("proxy", "access_log_file"),
            f'{why}; remove it: the containers\' output is read by "bgctl logs"',
        )
    for name in (name for name, each in config.jwks.items() if each.url):
        why = f"is fetched again and again into a file of one host, {ONE_HOST}"
        yield ("jwks", name, "url"), f'{why}; write file = "jwks.json" in its place'
    for name, service in config.services.items():
        yield from _of_folders(name, service.assets, ("services", name, "assets"))
        yield from _of_folders(name, service.static, ("services", name, "static"))
        yield from _of_folders(name, service.accel, ("services", name, "accel"))


def _of_folders(name: str, folders: object, here: Where) -> Iterator[tuple[Where, str]]:
    """A volume, or a path outside of the project, may be on each node: what is in it is the operator's."""
    named = folders.values() if isinstance(folders, dict) else ()
    if any(not str(folder).startswith(("volume:", "/")) for folder in named):
        mend = f"let {name} answer for its files, or name a volume, or a path that each node has"
        yield here, f"is a folder of one host, {ONE_HOST}; {mend}"

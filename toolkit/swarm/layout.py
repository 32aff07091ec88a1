"""What of a project decides how its services are placed on a swarm."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from toolkit.config import Config
from toolkit.config.kinds import NodeLabel
from toolkit.engine.compose_lines import place
from toolkit.errors import Refused

# The service that writes on each node what Redis has of the state into a file (session_api/agent).
AGENT = "bgctl-agent"
IMAGE_USER = "10001:10001"  # as whom our images run: no file of a host's own users is in these containers

Files = Mapping[str, bytes]  # the files below a folder, by their paths in it
Read = Callable[[Path], Files]


class Layout(Struct, frozen=True):
    """`ours` are the services of which each node has one: proxy, session API, slots; `slots` are among them.

    `session_apis` too. `label` is that of the project's nodes. `grace` is for services that say none: seconds
    between SIGTERM and SIGKILL. `notice`: seconds for which a proxy that is to stop serves on, until load
    balancers have noticed; 0: none asks. `paths` are the compose files, for messages.
    """

    name: str
    root: Path
    ours: frozenset[str]
    slots: frozenset[str]
    session_apis: tuple[str, ...]
    proxy: str
    control: str
    label: NodeLabel
    grace: float
    notice: int
    paths: Sequence[Path]

    @classmethod
    def of(cls, config: Config, root: Path, paths: Sequence[Path]) -> "Layout":
        apis = [name for name, each in config.shared.items() if config.is_session_api(each)]
        slots = frozenset(config.placed)
        return cls(
            name=str(config.project.name),
            root=root,
            ours=frozenset({str(config.proxy_service), *apis, *slots, AGENT}),
            slots=slots,
            session_apis=tuple(apis),
            proxy=str(config.proxy_service),
            control=str(config.proxy.control),
            label=config.project.node_label,
            grace=float(config.drain.stop_grace),
            notice=math.ceil(config.proxy.balancer_notice) if config.proxy.balancer_path else 0,
            paths=paths,
        )

    def refused(self, service: str, key: str, why: str, mend: str) -> Refused:
        """What a swarm cannot do for a service, with the line of the compose file that asks for it."""
        return Refused(f"{place(self.paths, service, key)}: {service} has {key}", why, mend)


def read(folder: Path) -> Files:
    """The files that there are below a folder, or the one file that it is; none where it is not there.

    Those with a dot in front are notes of bgctl's own.
    """
    if folder.is_file():
        return {"": folder.read_bytes()}
    found = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in named.items() if not path.name.startswith(".")}

"""From a compose file to a stack file, which `docker stack deploy` takes.

What goes in is what the compose command prints (`config`). What comes out has the one service that is asked
for: a deployment changes that, and leaves all others of the swarm as they are.
"""

import hashlib
import os
from pathlib import Path
from typing import Any

import msgspec

from toolkit.engine import compose_forms
from toolkit.engine.container import ONE_SHOT
from toolkit.errors import together
from toolkit.swarm import agent, contents, deployment, mounts, networks, service_keys
from toolkit.swarm.layout import AGENT, Layout, Read, read
from toolkit.swarm.mounts import Mounts
from toolkit.swarm.tasks import SPECIFIED

Document = dict[str, Any]

SCHEMA = "3.8"
# For a proxy that is to stop: seconds for which it serves on (compose/proxy/proxy).
NOTICE = "BGCTL_NOTICE"
OF_VOLUMES = ("driver", "driver_opts", "external", "name", "labels")


class StackFile:
    """`document` is a compose file as `config` prints it.

    `image` is in each method what its service runs, in place of the name in the compose file. `read` reads
    the files of the project that containers are to have.
    """

    def __init__(self, document: Document, layout: Layout, read: Read = read) -> None:
        self._document = document
        self._layout = layout
        self._read = read
        self._services: Document = dict(document.get("services") or {})
        if set(layout.session_apis) & self._services.keys():
            self._services.setdefault(AGENT, agent.service(self._services, layout))

    def of(self, service: str, image: str) -> Document:
        """The stack file with this service. Raises Refused for what would make another one of it there."""
        made, mounted = self._one(service, image)
        return self._whole(service, made, mounted)

    def once(self, service: str, called: str, version: str, image: str) -> Document:
        """The stack file with one task of a service, which has done its work when it has ended."""
        made, mounted = self._one(service, image)
        made.pop("ports", None)
        made["environment"] = {**_pairs(made.get("environment")), ONE_SHOT: version}
        made["deploy"] = deployment.once(made["deploy"])
        return self._whole(called, made, mounted)

    def image(self, service: str) -> str:
        return str(self._services[service].get("image") or "")

    def _one(self, name: str, image: str) -> tuple[Document, Mounts]:
        layout, given = self._layout, self._services[name]
        if wrong := list(service_keys.check(given, name, layout)):
            raise together(wrong)
        mounted = mounts.of(given, name, layout, self._read)
        made = service_keys.kept(given)
        made["image"] = image
        made["networks"] = networks.of_service(given, name, layout)
        made["deploy"] = deployment.of(given, name, layout)
        grace = compose_forms.seconds(given.get("stop_grace_period")) or layout.grace
        if name == layout.proxy and layout.notice:
            made["environment"] = {**_pairs(made.get("environment")), NOTICE: str(layout.notice)}
            grace += layout.notice
        made["stop_grace_period"] = f"{grace:g}s"
        lists: Document = {"ports": networks.ports(given.get("ports") or []), "volumes": mounted.volumes}
        for kind in contents.KINDS:
            ours = [each.mount for each in mounted.contents if each.kind == kind]
            lists[kind] = [*[_long(each) for each in given.get(kind) or []], *ours]
        made |= {key: each for key, each in lists.items() if each}
        return _marked(made), mounted

    def _whole(self, name: str, service: Document, mounted: Mounts) -> Document:
        found: Document = {
            "version": SCHEMA,
            "services": {name: service},
            "networks": networks.declared(self._document, service["networks"], self._layout),
            "volumes": {each: self._volume(each) for each in dict.fromkeys(mounted.named)},
            **{kind: self._declared(kind, service, mounted) for kind in contents.KINDS},
        }
        return {key: value for key, value in found.items() if value}

    def _volume(self, name: str) -> Document:
        """Of this name on each node, with files of its own."""
        told = (self._document.get("volumes") or {}).get(name) or {}
        made = {key: told[key] for key in OF_VOLUMES if told.get(key)}
        if made.get("name") == f"{self._layout.name}_{name}":
            del made["name"]
        return made

    def _declared(self, kind: contents.Kind, service: Document, mounted: Mounts) -> Document:
        """Ours, and those of the compose file itself, which are named by their content, too."""
        told = self._document.get(kind) or {}
        sources = [each["source"] for each in service.get(kind) or []]
        own = {name: self._own(kind, name, told[name]) for name in dict.fromkeys(sources) if name in told}
        ours = {each.key: each for each in mounted.contents if each.kind == kind}
        return own | {key: each.declared(self._layout.name) for key, each in ours.items()}

    def _own(self, kind: contents.Kind, name: str, told: Document) -> Document:
        if told.get("external"):
            named = told.get("name") or name
            return {"external": True, "name": named}
        if not told.get("file"):
            why = "a swarm takes it from a file, or has it already"
            raise self._layout.refused(name, kind, why, "write file: or external: true")
        path = Path(os.path.normpath(self._layout.root / str(told["file"])))
        data = self._read(path).get("", b"")
        return {"name": contents.name_of(self._layout.name, contents.key(name, data)), "file": str(path)}


def _marked(service: Document) -> Document:
    """With a label by which its containers are told from those of an earlier file."""
    digest = hashlib.sha256(msgspec.json.encode(service, order="sorted")).hexdigest()[:16]
    return {**service, "labels": {**_pairs(service.get("labels")), SPECIFIED: digest}}


def _long(entry: object) -> Document:
    """A secret or config of a service in its long form."""
    given = dict(entry) if isinstance(entry, dict) else {"source": str(entry)}
    if isinstance(mode := given.get("mode"), str):
        given["mode"] = int(mode, 8)
    return given


def _pairs(environment: object) -> Document:
    if isinstance(environment, list):
        return dict(str(line).partition("=")[::2] for line in environment)
    return dict(environment) if isinstance(environment, dict) else {}

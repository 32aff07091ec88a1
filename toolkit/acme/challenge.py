"""The files by which an authority sees that a host is ours (HTTP-01: RFC 8555, section 8.3)."""

import http.client
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path

from toolkit.acme import listener
from toolkit.acme.problems import PATH
from toolkit.config import acme_hosts
from toolkit.errors import Refused
from toolkit.files import atomic
from toolkit.project import Project
from toolkit.rendering import tls_files
from toolkit.values import Address


def folder(project: Project) -> Path:
    return project.root / project.config.tls.acme_webroot / PATH.strip("/")


@contextmanager
def served(project: Project, texts: dict[str, bytes]) -> Iterator[None]:
    """Serves `texts`, by the name of their file, and removes them however it ends."""
    tls_files.make_folders(project)
    paths = {folder(project) / name: text for name, text in texts.items()}
    try:
        for path, text in paths.items():
            atomic.write(path, text)
        yield
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


def sweep(project: Project, thumbprint: str) -> None:
    """Removes what a killed run has left: the files that end with our account's thumbprint."""
    for path in folder(project).glob("*"):
        with suppress(OSError):
            if path.read_bytes().endswith(f".{thumbprint}".encode()):
                path.unlink()


def check(project: Project) -> None:
    """Raises Refused unless the proxy serves challenges of every host: a wrong set-up costs no order."""
    config, hosts = project.config, acme_hosts.of(project.config)
    name, text = f"bgctl-{secrets.token_hex(8)}", secrets.token_hex(16).encode()
    with served(project, {name: text}):
        for host, listen in product(hosts, config.proxy.listen):
            if problem := _fault(listen, host, name, text, listener.prefix_of(config)):
                what = f"the proxy does not serve challenges for {host}"
                raise Refused(what, f"{listen} {problem}", "bgctl up, or: bgctl reload")


def _fault(listen: Address, host: str, name: str, text: bytes, prefix: bytes) -> str | None:
    try:
        status, found = listener.answer(listen, host, f"{PATH}{name}", prefix)
    except (OSError, http.client.HTTPException) as error:
        return f"does not answer: {error}"
    if status != 200:
        return f"answers {status} to {PATH}{name}"
    return None if found == text else f"answers something else to {PATH}{name}"

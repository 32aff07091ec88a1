"""A real registry on loopback, with a log-in, and a project whose images are kept in it."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from testbed.ports import Ports
from testbed.project import IMAGES, Project
from tests.e2e.support.stacks import Stack, eventually

USER, PASSWORD = "ada", "secret"
# The line of `htpasswd -Bbn ada secret`.
LOG_IN = "ada:$2y$05$QNNcb2ghlyzy7R6yPFJwI.dV6mYh1JNg76dtlUopAgw4WxlsBYD.m\n"
CONFIG = """\
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: "{folder}/data"}}}}
http: {{addr: "{host}", secret: "of this test"}}
auth: {{htpasswd: {{realm: shop, path: "{folder}/htpasswd"}}}}
"""
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
BUILT = """\
services:
  frontend-blue:
    build: {context: ./app, args: {RELEASE: "${CURRENT_VERSION}"}}
  frontend-green:
    build: {context: ./app, args: {RELEASE: "${VERSION}"}}
"""
DOCKERFILE = f"""\
FROM localhost/{IMAGES}/demo-app:1.6.7
ARG RELEASE
ARG MARK=first
# podman takes a layer of an earlier build where an argument differs, but for those of a RUN.
RUN true ${{RELEASE}} ${{MARK}}
LABEL mark=${{MARK}}
ENV VERSION=${{RELEASE}}
"""


class Registry:
    """`host` is its address, with which the names of its images begin. `folder` is for its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = f"127.0.0.1:{Ports.free().proxy}"

    def answers(self) -> bool:
        try:
            return requests.get(f"http://{self.host}/v2/", timeout=5).status_code == 401
        except requests.ConnectionError:
            return False

    def digest(self, image: str) -> str:
        """That of an image by its name, such as "127.0.0.1:5000/shop:1.6.8"."""
        repository, _, tag = image.partition("/")[2].rpartition(":")
        url = f"http://{self.host}/v2/{repository}/manifests/{tag}"
        answer = requests.head(url, headers={"Accept": MANIFEST}, auth=(USER, PASSWORD), timeout=5)
        answer.raise_for_status()
        return answer.headers["Docker-Content-Digest"]

    def tell(self, path: Path, password: str | None) -> None:
        """Writes the file in which an engine looks for this log-in; None: there is none."""
        pair = base64.b64encode(f"{USER}:{password}".encode()).decode()
        path.write_text(json.dumps({"auths": {self.host: {"auth": pair}} if password else {}}))


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    folder.mkdir(parents=True, exist_ok=True)
    one = Registry(folder)
    (folder / "htpasswd").write_text(LOG_IN)
    (folder / "config.yml").write_text(CONFIG.format(folder=folder, host=one.host))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=log
        )
    try:
        eventually(one.answers, "the registry answers")
        yield one
    finally:
        process.terminate()
        process.wait(30)


class Shop:
    """Goes before a project: its images are built from a folder of its own, and are kept in `registry`."""

    registry: Registry
    directory: Path

    def furnish(self) -> None:
        """After `create`: compose.override.yaml has the builds, and the env file the registry."""
        (self.directory / "app").mkdir()
        # Two registries of two processes have no image in common: one that is removed here is gone then.
        own = f"LABEL registry={self.registry.host}\n"
        (self.directory / "app" / "Dockerfile").write_text(DOCKERFILE + own)
        (self.directory / "compose.override.yaml").write_text(BUILT)
        env = self.directory / ".env"
        text = env.read_text().replace("REGISTRY_URL=localhost", f"REGISTRY_URL={self.registry.host}")
        env.write_text(text.replace(f"REGISTRY_USER={IMAGES}", "REGISTRY_USER=shop"))

    def image(self, version: str) -> str:
        return f"{self.registry.host}/shop/demo-app:{version}"

    def recorded(self, version: str) -> dict[str, Any]:
        """The image with which a version was last proven, as state/releases.json has it."""
        text = (self.directory / "state" / "releases.json").read_text()
        found = [each for each in json.loads(text)["releases"] if each["version"] == version]
        image: dict[str, Any]
        (image,) = found[-1]["images"]
        return image


class ShopStack(Shop, Stack):
    """On docker. `registry` is handed in through `started`."""

    def __init__(self, *arguments: Any, registry: Registry, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.registry = registry
        self.log_file = Path()  # where docker looks for the log-in
        self._number = 0

    def create(self) -> ShopStack:
        super().create()
        self.furnish()
        return self

    def new_version(self) -> str:
        self._number += 1
        return f"2.0.{self._number}"

    def make(self, version: str, mark: str) -> str:
        """Builds an image by hand, and pushes it; with another mark it is another image. Returns its id."""
        args = ["--build-arg", f"RELEASE={version}", "--build-arg", f"MARK={mark}"]
        self.engine_says("build", "--quiet", *args, "--tag", self.image(version), f"{self.directory}/app")
        self.engine_says("push", self.image(version))
        return self.engine_says("image", "inspect", "--format", "{{.Id}}", self.image(version)).strip()

    def image_id(self, service: str) -> str:
        """That of the image that a service's container runs."""
        found: str = self.container(service).attrs["Image"]
        return found

    def has_image(self, name: str) -> bool:
        return bool(self.engine_says("image", "ls", "--quiet", name).strip())

    def remove(self) -> None:
        super().remove()
        remove_images(self, self.registry)


class ShopOnPodman(Shop, Project):
    def __init__(self, directory: Path, name: str, registry: Registry) -> None:
        super().__init__(directory, name, "podman")
        self.registry = registry

    def create(self) -> ShopOnPodman:
        super().create()
        self.furnish()
        return self

    def remove(self) -> None:
        super().remove()
        remove_images(self, self.registry)


def remove_images(project: Project, registry: Registry) -> None:
    """Those that only have a digest for a name, too."""
    ours = f"{registry.host}/shop/demo-app"
    if ids := set(project.engine_says("image", "ls", "--quiet", "--no-trunc", ours).split()):
        project.engine_says("rmi", "--force", *ids)

"""An engine whose images have their version in the name, and ids: their names can move."""

from collections.abc import Mapping

from msgspec.structs import replace

from tests.unit.toolkit.support.engines import VARIABLES, FakeEngine, all_free, project_on
from tests.unit.toolkit.support.worlds import World
from toolkit.engine.compose import ComposeService
from toolkit.engine.container import ONE_SHOT, Container, Settings, Status
from toolkit.engine.engine import Keep
from toolkit.errors import Failed
from toolkit.files import releases_file
from toolkit.project import Project
from toolkit.state.releases import Image, Release
from toolkit.terminal.ui import UI

A, B, C, D = (letter * 64 for letter in "abcd")  # ids of images
REPOSITORY = "r.example/shop"
SERVICES = ("frontend-blue", "frontend-green")


def named(version: str) -> str:
    return f"{REPOSITORY}:{version}"


class VersionedEngine(FakeEngine):
    """`pulls` are the images that a start pulls first, by name, as `pull_policy: always` has compose do."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.pulls: dict[str, str] = {}
        self.ran: list[str] = []  # versions for which a one-shot has run
        self.registry: set[str] = set()  # the digests that can be pulled

    def _service(self, name: str, env: Mapping[str, str]) -> ComposeService:
        found = super()._service(name, env)
        slot = name.rpartition("-")[2]
        return replace(found, image=named(env[VARIABLES[slot]])) if slot in VARIABLES else found

    def one_shots(self, service: str) -> list[Container]:
        return [each for each in self.all() if each.value(ONE_SHOT)]

    def all(self) -> list[Container]:
        once = [
            Container(f"once-{v}", Status("exited"), Settings("x", env=[f"{ONE_SHOT}={v}"]), image_id=D)
            for v in self.ran
        ]
        return [*super().all(), *once]

    def remove_one(self, container: Container, grace: float = 10, volumes: bool = False) -> None:
        self.asked.append(f"rm {container.id}")
        self.ran.remove(container.value(ONE_SHOT) or "")

    def pull(self, image: str) -> None:
        if "@" in image and image not in self.registry:
            raise Failed(f"{image} could not be pulled", "unauthorized", "docker login r.example")
        self.asked.append(f"pull {image}")
        self.ids[image] = self.digests[image] if "@" in image else C

    def up(self, service: str, env: Mapping[str, str], grace: float = 10, keep: Keep = None) -> None:
        self.ids |= self.pulls
        super().up(service, env, grace)


def versioned(world: World, ui: UI | None = None) -> tuple[Project, VersionedEngine]:
    engine = VersionedEngine(world)
    return project_on(engine, ui, is_free=all_free), engine


def proven(project: Project, version: str, image_id: str, *digests: str, returned: bool = False) -> None:
    """As if this version had been proven with this image."""
    image = Image(named(version), image_id, SERVICES, digests)
    release = Release(version, "2026-01-15T10:30:00Z", 7, (image,), returned)
    known = releases_file.read(project.state_dir)
    releases_file.write(project.state_dir, known.noted(release))

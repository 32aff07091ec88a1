"""The images of green on one version: built where the compose file says how, and pushed, or pulled."""

from functools import cached_property

from toolkit import slots
from toolkit.engine import diagnosis
from toolkit.engine.compose import Compose
from toolkit.errors import Failed
from toolkit.project import Project
from toolkit.release import image_builds, moments, needs, scope
from toolkit.release.deploy_plan import UNUSED, Plan
from toolkit.release.steps import Step


def steps(project: Project, plan: Plan) -> list[Step]:
    """Build what can be built, push it to its registry, and pull the rest.

    Raises Refused where a build would take keys along, and where a service cannot be left unchanged.
    """
    scope.check(project, plan.version)
    images = Images(project, plan.version, plan.push)
    not_built = _why_not_built(project, plan, images)
    if not_built:
        images.leave()
    else:
        images.check_context()
    hooks = moments.around(project, "pre_build")
    return [
        Step(
            name="build",
            what=f"build the images that the compose file has a build: for{hooks}",
            do=images.build,
            needed=lambda: not not_built,
            skipped=f"skipped: {not_built}",
        ),
        Step(
            name="push",
            what="push what is built",
            do=images.push,
            needed=lambda: bool(images.to_push),
            skipped=images.why_kept,
        ),
        Step(
            name="pull",
            what=f"pull the images of {plan.version}",
            do=images.pull,
            needed=lambda: project.state().phase in UNUSED and bool(images.to_pull),
            skipped="the images are here",
        ),
    ]


def _why_not_built(project: Project, plan: Plan, images: "Images") -> str:
    """Empty where the images are to be built."""
    if not plan.build:
        return "--skip-build"
    if project.state().phase != "rest":
        return f"the release of {plan.version} has begun"
    return "" if images.buildable else f"{project.compose_path.name} has no build: for green"


class Images:
    """`push` says whether what is built goes to a registry; None: where its name begins with one."""

    def __init__(self, project: Project, version: str, push: bool | None = None) -> None:
        self._project = project
        self._version = version
        self._env = project.env_of(version)
        self._may_build = True
        self._push = push

    def leave(self) -> None:
        """Has nothing built: all images are pulled, or are here."""
        self._may_build = False

    @cached_property
    def _compose(self) -> Compose:
        found = self._project.compose(self._env)
        slots.check_versions(self._project, found, self._version)
        return found

    @cached_property
    def _services(self) -> list[str]:
        """The services of green, and the one-shots before them; of several with the same image only one."""
        green = slots.first_names(self._project, "green")
        taken = {self._compose.image(name) for name in green}
        needed = needs.plan(self._project, self._compose, slots.names(self._project, "green"))
        once = [each.service for each in needed if each.one_shot]
        return [*green, *[name for name in once if self._compose.image(name) not in taken]]

    @property
    def buildable(self) -> list[str]:
        """The services whose images the compose file says how to make."""
        if not self._may_build:
            return []
        return [name for name in self._services if self._compose.services[name].build]

    @property
    def to_push(self) -> list[str]:
        """The images that are built here and pushed."""
        if self._push is False:
            return []
        return [image for image in self._built if self._push or diagnosis.registry_of(image)]

    @property
    def kept(self) -> list[str]:
        """The images that are built here and stay here."""
        return [image for image in self._built if image not in self.to_push]

    @property
    def why_kept(self) -> str:
        """The line in place of a push; empty where all is pushed."""
        if not self._built:
            return "nothing was built"
        if self._push is False:
            return "skipped: --skip-push"
        has = "has" if len(self.kept) == 1 else "have"
        return f"{', '.join(self.kept)} {has} no registry in the name (--push insists)" if self.kept else ""

    @property
    def to_pull(self) -> list[str]:
        """The images that are neither built nor here."""
        others = [name for name in self._services if name not in self.buildable]
        return [image for image in self._names(others) if not self._is_here(image)]

    def build(self) -> str:
        """Returns a note, as `push` and `pull` do."""
        serving = self._project.state().slots.blue.version
        moments.before(self._project, "pre_build", serving, self._version)
        env = self._project.env_with("green", self._version)
        return image_builds.make(self._project, self._compose, self.buildable, env)

    def check_context(self) -> None:
        """Raises Refused where a build would take keys along."""
        image_builds.check_context(self._project, self._compose, self.buildable)

    def push(self) -> str:
        try:
            for image in self.to_push:
                self._project.engine.push(image)
        except Failed as error:
            next = f"{error.next}; or, to keep it here: bgctl deploy {self._version} --skip-push"
            raise Failed(error.what, error.why, next, error.detail) from None
        kept = f"; {self.why_kept}" if self.kept else ""
        return f"pushed {', '.join(self.to_push)}{kept}"

    def pull(self) -> str:
        """Raises Refused for an image that cannot be had."""
        images = self.to_pull
        found, services = self._compose, self._services
        slots.check_images(self._project, found, services, pull=True, env=self._env, anew=self._anew)
        return f"pulled {', '.join(images)}"

    @property
    def _anew(self) -> bool:
        """Whether the version is to be proven with what its images' names mean today."""
        return self._project.state().phase == "rest"

    def _is_here(self, image: str) -> bool:
        kept = not self._anew and slots.is_kept(self._project, image)
        return kept or self._project.engine.has_image(image)

    @property
    def _built(self) -> list[str]:
        return self._names(self.buildable)

    def _names(self, services: list[str]) -> list[str]:
        return list(dict.fromkeys(self._compose.image(name) for name in services))

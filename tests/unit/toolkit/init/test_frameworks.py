"""The name of an app's session cookie, guessed from the files beside its Dockerfile."""

from pathlib import Path

import pytest

from toolkit.init import frameworks

CASES = Path(__file__).parents[4] / "tests" / "cases"
SLIM = "FROM python:3.13-slim\n"
KNOWN = [
    ({"manage.py": ""}, ("sessionid",)),
    ({"requirements.txt": "Django>=5\ngunicorn\n"}, ("sessionid",)),
    ({"pyproject.toml": '[project]\ndependencies = ["flask>=3", "flask-login"]\n'}, ("session",)),
    ({"pyproject.toml": '[project]\ndependencies = [\n    "Flask[async]~=3.0",\n]\n'}, ("session",)),
    ({"Pipfile": '[packages]\nflask = "*"\n'}, ("session",)),
    ({"requirements/base.txt": "flask==3.1.0 ; python_version > '3.9'\n"}, ("session",)),
    ({"package.json": '{"dependencies": {"express": "5", "express-session": "1"}}'}, ("connect.sid",)),
    ({"package.json": '{"dependencies": {"cookie-session": "2"}}'}, ("session",)),
    ({"composer.json": '{"require": {"laravel/framework": "^12"}}'}, ("laravel_session", "laravel-session")),
    (
        {"composer.json": '{"require": {"laravel/framework": "^12"}}', ".env": 'APP_NAME="My Shop"\n'},
        ("my_shop_session", "my-shop-session"),
    ),
    (
        {"composer.json": '"laravel/framework"', ".env": "SESSION_COOKIE=shop\n"},
        ("shop",),
    ),
    ({"composer.json": '{"require": {"symfony/framework-bundle": "7"}}'}, ("PHPSESSID",)),
    (
        {"manage.py": "", "shop/settings.py": 'SESSION_COOKIE_NAME = "shop_session"\n'},
        ("shop_session",),
    ),
    (
        {"requirements.txt": "flask\n", "app.py": "app.config.update(SESSION_COOKIE_NAME='shop')\n"},
        ("shop",),
    ),
    ({"Dockerfile": "FROM php:8.4\n", "public/index.php": "session_name('poll');"}, ("poll",)),
    ({"Dockerfile": "FROM docker.io/library/php:8.4-apache\n"}, ("PHPSESSID",)),
    (
        {"Gemfile": 'gem "rails", "~> 8.0"\n', "config/application.rb": "module PhotoShop\n"},
        ("_photo_shop_session",),
    ),
    ({"pom.xml": "<artifactId>spring-boot-starter-security</artifactId>"}, ("JSESSIONID",)),
    ({"build.gradle": "implementation 'org.springframework.session:spring-session-core'"}, ("SESSION",)),
]
UNKNOWN = [
    {},
    {"Dockerfile": SLIM, "requirements.txt": "flask-cors\nfastapi\n"},
    {"package.json": '{"dependencies": {"express": "5"}}'},
    {"package.json": "[1"},
    {"package.json": '{"dependencies": ["express-session"]}'},
    {"Dockerfile": "FROM example/phpbb:3\n"},
    {"Gemfile": 'gem "rails"\n'},
    {"requirements.txt": "x" * (frameworks.LARGEST + 1) + "\nflask\n"},
]


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(("files", "names"), KNOWN)
def test_known(tmp_path: Path, files: dict[str, str], names: tuple[str, ...]) -> None:
    found = frameworks.cookies(written(tmp_path, files))
    assert found
    assert found.value == names
    assert found.source


@pytest.mark.parametrize("files", UNKNOWN)
def test_unknown(tmp_path: Path, files: dict[str, str]) -> None:
    assert frameworks.cookies(written(tmp_path, files)) is None


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("flask", ("session",)),
        ("django", ("sessionid",)),
        ("express", ("guestbook.sid",)),
        ("php", ("poll",)),
        ("fastapi", None),
        ("nextjs", None),
        ("spa", None),
    ],
)
def test_the_recipes(kind: str, names: tuple[str, ...] | None) -> None:
    found = frameworks.cookies(CASES / "recipes" / kind)
    assert (found.value if found else None) == names

"""Which service is what: as compose commands print them, in one form or the other."""

import pytest

from toolkit.engine.compose import Compose
from toolkit.init import roles

BLOG = """
services:
  db:
    image: postgres:17
    ports: ["127.0.0.1:5432:5432"]
  migrate:
    build: {context: /srv/blog}
    command: [python3, manage.py, migrate]
    depends_on: {db: {condition: service_healthy}}
  web:
    build: {context: /srv/blog}
    ports: [{published: 18200, target: 8000}]
    depends_on: {migrate: {condition: service_completed_successfully}, db: {condition: service_healthy}}
    restart: unless-stopped
  worker:
    build: {context: /srv/blog}
    command: [python3, manage.py, worker]
    depends_on: {migrate: {condition: service_completed_successfully}}
    restart: unless-stopped
"""


def of(text: str, *active: str) -> roles.Roles:
    return roles.of(Compose.parse(text), active)


def workers(text: str, web: str = "web") -> list[str]:
    return roles.workers(Compose.parse(text), web, of(text))


def test_a_web_service_its_worker_its_migration_and_its_database() -> None:
    found = of(BLOG)
    assert (found.candidates, found.one_shots) == (["web"], ["migrate"])
    assert workers(BLOG) == ["worker"]


@pytest.mark.parametrize(
    ("services", "candidates"),
    [
        ("web: {build: ., ports: ['80']}, db: {image: 'mysql:8', ports: ['3306:3306']}", ["web"]),
        ("web: {image: 'shop/web:1', ports: ['80']}, cache: {image: 'docker.io/library/redis'}", ["web"]),
        (
            "web: {image: a, ports: ['80'], depends_on: [store]}, store: {image: mine, ports: ['6379:6379']}",
            ["web"],
        ),
        ("web: {image: a, ports: ['80']}, store: {image: mine, ports: ['6379:6379']}", ["web", "store"]),
        ("web: {build: ., ports: ['80']}, mail: {image: mailhog/mailhog, ports: ['8025:8025']}", ["web"]),
        ("web: {build: ., ports: ['80']}, other: {image: some/thing, ports: ['9:9']}", ["web"]),
        ("web: {image: a, ports: ['80']}, other: {image: b, ports: ['9:9']}", ["web", "other"]),
        ("web: {build: ./web, ports: ['80']}, api: {build: ./api, ports: ['81']}", ["web", "api"]),
        ("web: {build: ., ports: ['53:53/udp']}", []),
        ("web: {build: ., expose: ['80']}", []),
        ("front: {image: 'nginx:1.27', ports: ['80:80']}, app: {build: ., expose: ['8000']}", []),
        ("front: {build: ./nginx, image: 'nginx', ports: ['80:80']}", ["front"]),
        ("web: {build: ., ports: ['80'], profiles: [dev]}", []),
        ("seed: {build: ., ports: ['80'], command: rails db:seed}", ["seed"]),
    ],
)
def test_who_may_be_the_one_that_people_use(services: str, candidates: list[str]) -> None:
    assert of(f"services: {{{services}}}").candidates == candidates


def test_a_profile_in_use_hides_nothing() -> None:
    text = "services: {web: {build: ., ports: ['80'], profiles: [prod]}}"
    assert of(text, "prod").candidates == ["web"]
    assert of(text, "*").candidates == ["web"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{build: ., command: work}", ["jobs"]),
        ("{build: ., restart: always}", ["jobs"]),
        ("{build: {context: '.'}}", ["jobs"]),
        ("{build: {context: '.', target: jobs}}", []),
        ("{build: ./jobs}", []),
        ("{build: ., restart: 'no'}", []),
        ("{build: ., restart: no}", []),
        ("{build: ., restart: on-failure, command: python manage.py migrate}", []),
        ("{build: ., command: [bundle, exec, 'rake', 'db:migrate']}", []),
        ("{build: ., restart: always, command: celery --queues migrate}", ["jobs"]),
        ("{build: ., command: sh -c 'rails db:migrate && rails jobs:work'}", ["jobs"]),
        ("{build: ., ports: ['81:80']}", []),
        ("{build: ., profiles: [tools]}", []),
        ("{image: other}", []),
    ],
)
def test_a_worker_runs_the_same_code_and_nobody_asks_it(entry: str, expected: list[str]) -> None:
    assert workers(f"services: {{web: {{build: ., ports: ['80:80']}}, jobs: {entry}}}") == expected


def test_the_same_image_is_the_same_code() -> None:
    text = (
        "services: {web: {image: 'shop:1', ports: ['80:80']}, jobs: {image: 'shop:1'}, cron: {image: cron}}"
    )
    assert workers(text) == ["jobs"]


def test_what_others_wait_for_is_no_worker() -> None:
    waits = "depends_on: {jobs: {condition: service_completed_successfully}}"
    text = f"services: {{web: {{build: ., ports: ['80'], {waits}}}, jobs: {{build: .}}}}"
    assert (workers(text), of(text).one_shots) == ([], ["jobs"])


@pytest.mark.parametrize(
    ("image", "base"),
    [
        ("redis", "redis"),
        ("redis:7", "redis"),
        ("docker.io/library/Postgres:17-alpine", "postgres"),
        ("registry.example:5000/team/mysql@sha256:00", "mysql"),
        ("", ""),
    ],
)
def test_the_base_of_an_image(image: str, base: str) -> None:
    text = f"services: {{a: {{image: '{image}'}}}}"
    assert roles.base(Compose.parse(text).services["a"]) == base


def test_pairs() -> None:
    text = "services: {web-blue: {image: a}, web-green: {image: a}, sky-blue: {image: a}}"
    assert roles.pairs(Compose.parse(text)) == ["web"]

"""A blog in Django through two releases: PostgreSQL, migrations, a worker, TLS that ends in front."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pytest

from tests.e2e.support.patrons import Reader
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import USERS, Walk, finish, walking

pytestmark = pytest.mark.timeout(600)

HTTPS = {"Host": "blog.example", "X-Forwarded-Proto": "https"}
MIGRATION = {"2": "0002_post_summary", "3": "0003_post_published"}


class Blog:
    """What is in the database, and what the containers say of themselves."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk

    def sql(self, statement: str) -> str:
        psql = ("psql", "--username=blog", "--tuples-only", "--no-align", "--command", statement)
        (db,) = self.walk.containers("db")
        return self.walk.engine_says("exec", db, *psql).strip()

    def says(self, query: str, answer: str) -> bool:
        return self.sql(query) == answer

    def post(self, title: str) -> None:
        self.sql(f"insert into posts_post (title, words) values ('{title}', 0)")

    def migrated(self, version: str) -> float:
        """When the migration of that version was applied."""
        what = f"app = 'posts' and name = '{MIGRATION[version]}'"
        return float(self.sql(f"select extract(epoch from applied) from django_migrations where {what}"))

    def started(self, service: str) -> float:
        return datetime.fromisoformat(self.walk.inspect(service)["State"]["StartedAt"]).timestamp()

    def runs(self, service: str, version: str) -> bool:
        found = self.walk.inspect(service)
        return found["State"]["Running"] and found["Config"]["Image"].endswith(f":{version}")

    def check_release(self, version: str) -> None:
        """With green at work: its migration was applied before it began, and its worker is beside it."""
        began = min(self.started(f"{name}-green") for name in ("web", "worker"))
        assert self.migrated(version) < began
        assert self.runs("web-green", version)
        assert self.runs("worker-green", version)


@pytest.mark.threat(87)
def test_87_blog_goes_through_two_releases_that_nobody_notices(tmp_path):
    with walking(tmp_path, "blog", 18200) as walk:
        blog = Blog(walk)
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/", **HTTPS), "the blog is there")
        make_user = f"from django.contrib.auth.models import User; User.objects.create_user('{Reader.user}', "
        make_user += f"password='{Reader.password}')"
        walk.compose("exec", "-T", "web", "python3", "manage.py", "shell", "-c", make_user)
        blog.post("A post of the time before")

        walk.init("1", "--domain", "blog.example")
        walk.bgctl("adopt")

        with Crowd(walk.url, "1", Reader, USERS) as crowd:
            first = crowd.users[0]
            for old, new in (("1", "2"), ("2", "3")):
                walk.develop(new)
                walk.release(crowd, old, new, partial(blog.check_release, new))
                assert blog.runs("worker-blue", new), "the worker is the new version's"
                assert walk.containers("worker-green") == walk.containers("web-green") == []
                blog.post(f"Four words of {new}")
                summary = f"select summary from posts_post where title = 'Four words of {new}'"
                eventually(partial(blog.says, summary, "4 words"), "the new worker is at work")
            first.use()
            first.ask("GET", "/", "A post of the time before")
            finish(walk, crowd, "3")

"""A column that gets another name over two releases, in PostgreSQL, with a rollback in each of them."""

from __future__ import annotations

import subprocess

import pytest

from tests.e2e.support.patrons import Member
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import USERS, Walk, finish, walking

pytestmark = pytest.mark.timeout(600)


def columns(walk: Walk) -> set[str]:
    query = "select column_name from information_schema.columns where table_name = 'members'"
    psql = ("psql", "--username=members", "--tuples-only", "--no-align", "--command", query)
    (db,) = walk.containers("db")
    return set(walk.engine_says("exec", db, *psql).split())


def try_and_take_back(walk: Walk, crowd: Crowd, old: str, new: str) -> None:
    """The new version is there, people log in on it and write; then everybody goes back to the old one."""
    crowd.released(old, new)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    deploy = walk.start("deploy", new, "--auto", **options)
    try:
        eventually(lambda: walk.switched() or deploy.poll() is not None, f"{new} is there", 180)
        crowd.come(USERS // 2, new)
        crowd.released(old)
        walk.bgctl("rollback")
        crowd.settled()
        deploy.communicate(timeout=60)
    finally:
        deploy.kill()
    assert walk.containers("web-green") == []


def test_a_column_is_renamed_over_two_releases(tmp_path):
    with walking(tmp_path, "members", 18400) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/health"), "the list is there")
        walk.init("1", "--health", "/health")
        walk.bgctl("adopt")

        with Crowd(walk.url, "1", Member, USERS) as crowd:
            for old, new, there in (("1", "2", {"id", "name", "full_name"}), ("2", "3", {"id", "full_name"})):
                walk.develop(new)
                walk.edit("app.py", f'VERSION = "{old}"', f'VERSION = "{new}"')
                if new == "2":
                    walk.edit("app.py", 'COLUMN = "name"', 'COLUMN = "full_name"')
                try_and_take_back(walk, crowd, old, new)
                assert columns(walk) == there, "what a migration has made stays"
                walk.release(crowd, old, new)
            finish(walk, crowd, "3")

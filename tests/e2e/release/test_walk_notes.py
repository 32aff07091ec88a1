"""Notes in Express through two releases: tokens of the app's own, signed with a secret that is short."""

from __future__ import annotations

import pytest
import requests

from tests.e2e.support.patrons import NoteTaker
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import USERS, finish, walking

pytestmark = pytest.mark.timeout(600)


def test_notes_goes_through_two_releases_that_nobody_notices(tmp_path):
    with walking(tmp_path, "notes", 18100) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/health"), "the app answers")
        walk.init("1.0.0")
        (walk.directory / "jwt.secret").write_text("my-super-secret-jwt-key")
        secret = ("--import-secret-file", str(walk.directory / "jwt.secret"))
        walk.bgctl("keys", "init", *secret, "--allow-short-secret")
        walk.bgctl("adopt")

        with Crowd(walk.url, "1.0.0", NoteTaker, USERS) as crowd:
            first = crowd.users[0]
            for old, new in (("1.0.0", "1.1.0"), ("1.1.0", "1.2.0")):
                walk.edit("package.json", f'"version": "{old}"', f'"version": "{new}"')
                walk.release(crowd, old, new)
            first.use()
            finish(walk, crowd, "1.2.0")
        report = requests.get(f"{walk.url}/internal/report", timeout=10)
        assert report.json() == {"report": "app"}, "a path of the app's own, whatever its name"
        assert walk.containers("api-green") == []

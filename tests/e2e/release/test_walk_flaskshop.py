"""A small shop in Flask through two releases: the session is in a cookie, carts are in Redis.

This walk begins with the wheel, in an environment without a checkout, and is made on both engines.
"""

from __future__ import annotations

import pytest
import requests

from testbed.project import IMAGES
from tests.e2e.support.patrons import Shopper
from tests.e2e.support.stacks import eventually
from tests.e2e.support.walkers import Crowd
from tests.e2e.support.walks import USERS, Walk, finish, walking
from tests.e2e.support.wheels import Installed
from toolkit.config.engines import NAMES

pytestmark = pytest.mark.timeout(600)


@pytest.mark.threat(88)
@pytest.mark.parametrize("engine", [pytest.param(name, marks=getattr(pytest.mark, name)) for name in NAMES])
def test_88_flaskshop_goes_through_two_releases_that_nobody_notices(tmp_path, engine):
    installed = Installed.below(tmp_path, *["podman-compose"] * (engine == "podman"), prefix=IMAGES)
    with walking(tmp_path, "flaskshop", 18000, engine, installed) as walk:
        walk.compose("up", "-d")
        eventually(lambda: walk.answers("/health"), "the shop is open")
        early = requests.Session()
        early.post(f"{walk.url}/login", data={"user": "early"}, timeout=10).raise_for_status()
        early.post(f"{walk.url}/cart", data={"item": "a lamp"}, timeout=10).raise_for_status()

        walk.init("1")
        walk.bgctl("adopt")
        assert "a lamp" in early.get(walk.url, timeout=10).text, "the volume is the one from before"

        with Crowd(walk.url, "1", Shopper, USERS) as crowd:
            first = crowd.users[0]
            for old, new in (("1", "2"), ("2", "3")):
                walk.edit("app.py", f'VERSION = "{old}"', f'VERSION = "{new}"')
                walk.release(crowd, old, new)
            first.use()
            finish(walk, crowd, "3")
        page = early.get(walk.url, timeout=10).text
        assert all(words in page for words in ("Shop v3", "Hello early!", "a lamp")), page
        assert walk.containers("web-green") == []
        hands_into(walk)


def hands_into(walk: Walk) -> None:
    """The compose command sees the pair that the project's own file does not have; logs outlive versions."""
    assert "web-blue" in walk.bgctl("compose", "--", "ps").stdout
    done = walk.bgctl("compose", "--", "exec", "-T", "web-blue", "cat", stdin="typed")
    assert done.stdout == "typed"
    assert walk.bgctl("exec", "--", "sh", "-c", "cat; exit 7", code=7, stdin="typed").stdout == "typed"
    assert walk.bgctl("logs", "1").stdout
    assert [each["outcome"] for each in walk.ask("history") if each["new"]] == ["released", "released"]

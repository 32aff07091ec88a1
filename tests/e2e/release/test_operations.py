"""What runs keeps running: a green that dies, and keys that are replaced under a running stack."""

from __future__ import annotations

import os
import secrets
import signal
import time

import pytest
import requests

from tests.e2e.support.stacks import NEW, OLD, eventually

BACK = 10.0  # seconds in which a green that was killed serves again


def policy(stack) -> str:
    name: str = stack.container("frontend-green").attrs["HostConfig"]["RestartPolicy"]["Name"]
    return name


@pytest.mark.threat(80)
def test_80_a_green_that_dies_in_a_drain_comes_back_by_itself(release):
    """As by the kernel's out-of-memory killer: nobody types anything, and its sessions are on it again."""
    assert policy(release) == "unless-stopped"
    browser = release.log_in("grace")
    assert release.version_of(browser) == NEW
    release.expected += ["connect\\(\\) failed|upstream|is (down|up again): "]
    before = release.container("frontend-green")
    os.kill(before.attrs["State"]["Pid"], signal.SIGKILL)
    began = time.monotonic()
    eventually(
        lambda: release.container("frontend-green").attrs["RestartCount"] == 1, "green is started again"
    )
    eventually(lambda: release.version_of(browser) == NEW, "its session is on it again")
    assert time.monotonic() < began + BACK
    assert release.container("frontend-green").id == before.id


@pytest.mark.threat(80)
def test_80_a_green_that_is_gone_is_brought_back_by_cron(release):
    """A stop by hand is what the engine does not undo; nor does a reboot of one that it has forgotten."""
    release.bgctl("route", "disable-green")
    release.log_in("late")  # somebody is left on blue: the drain goes on
    assert policy(release) == "no"
    release.bgctl("route", "enable-green")
    assert policy(release) == "unless-stopped"
    release.expected += ["connect\\(\\) failed|upstream|is (down|up again): "]
    release.container("frontend-green").stop(timeout=5)
    look = release.bgctl("drain", "--auto", code=5)
    assert "it has been started again" in look.stdout
    # Where the proxy had passed it over by then, its next check brings it back.
    eventually(lambda: release.version_of(release.visitor()) == NEW, "green has new visitors again")
    assert policy(release) == "unless-stopped"
    assert release.bgctl("drain", "--auto", code=5).stdout == ""


def replace(stack, folder: str, name: str) -> str:
    """By rename, as an editor or a secret manager does it."""
    path = stack.directory / "keys" / folder / name
    new, key = path.with_name("new"), secrets.token_urlsafe(48)
    new.write_text(f"{key}\n")
    found = path.stat()
    os.chown(new, found.st_uid, found.st_gid)
    new.chmod(0o640)
    new.replace(path)
    return key


@pytest.mark.threat(89)
def test_89_a_replaced_key_is_in_force_in_a_second(release):
    """Each of the four, in every container that knows it; the containers are the same before and after."""
    browser = release.visitor()
    version = release.version_of(browser)
    pin = browser.cookies["bg_pin"]
    before = release.containers()

    admin = replace(release, "admin", "admin.key")
    url = f"{release.api_url}/api/deployment/active-sessions"
    answer = requests.get(url, headers={"Authorization": f"Bearer {admin}"}, timeout=5)
    assert answer.status_code == 200

    replace(release, "service", "service.key")
    assert release.version_of(release.log_in("service")) in (OLD, NEW)

    replace(release, "proxy", "proxy.key")
    release.log_in("proxy")
    replaced = time.time()

    def delivered() -> bool:
        activity = release.proxy_status()["activity"]
        return activity["error"] is None and activity["lastDelivery"] > replaced

    eventually(delivered, "activity is reported with the new key")

    replace(release, "pin", "pin.secret")

    def has_new_pin() -> bool:
        assert release.version_of(browser) == version
        return browser.cookies["bg_pin"] != pin

    eventually(has_new_pin, "the visitor's pin is signed anew")
    assert release.containers() == before
    assert release.proxy_status()["keysError"] is None


@pytest.mark.threat(89)
@pytest.mark.parametrize(("folder", "name"), [("pin", "pin.secret")])
def test_89_a_bad_key_is_told_and_changes_nothing(release, folder, name):
    browser = release.visitor()
    version = release.version_of(browser)
    path = release.directory / "keys" / folder / name
    good = path.read_text()
    path.write_text("short\n")
    release.expected.append(f"{name} refused, the last good one stays in force")
    eventually(lambda: name in (release.proxy_status()["keysError"] or ""), "it is told")
    assert release.version_of(browser) == version
    path.write_text(good)
    eventually(lambda: release.proxy_status()["keysError"] is None, "all is well again")

"""A certificate is obtained of a real authority, and put into service; what serves is never lost."""

import pytest
import trustme

from testbed.pebble import Pebble
from tests.unit.toolkit.support.acme_worlds import HOSTS, AcmeWorld
from toolkit.acme import install, listener, obtain, standing
from toolkit.errors import BgctlError

pytestmark = pytest.mark.whole


def run(acme: AcmeWorld, force: bool = False, anyway: bool = True) -> str | None:
    return obtain.run(acme.project, force=force, anyway=anyway, dry_run=False)


def shown(acme: AcmeWorld) -> bytes:
    return listener.shown(acme.project.config.tls.listen, HOSTS[0])


def test_obtained_and_not_again_before_it_is_due(acme: AcmeWorld, authority: Pebble) -> None:
    acme.start()
    before = shown(acme)
    assert str(run(acme)).startswith("shop.example, www.shop.example: in service, it is good until")
    assert shown(acme) != before
    found = install.check(acme.project, acme.pair)
    assert (set(found.names), install.own_der(found)) == (set(HOSTS), shown(acme))
    assert (acme.pair.stat().st_mode & 0o777, acme.pair.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert acme.challenges() == []
    assert run(acme) is None, "not due"
    first = acme.pair.read_bytes()
    assert run(acme, force=True)
    assert acme.pair.read_bytes() != first, "another key, another certificate"
    assert not list(acme.pair.parent.glob("*evious*"))
    assert [entry["what"] for entry in acme.world.history] == ["certificate", "certificate"]
    assert standing.look(acme.project).notes.failures == 0

"""Ports that a project has now, and those that it needs in its next release."""

import pytest

from tests.unit.toolkit.support.engines import project_of
from tests.unit.toolkit.support.worlds import World
from toolkit.checks import preflight
from toolkit.checks.looks import Looks
from toolkit.checks.preflight import Preflight

pytestmark = pytest.mark.whole


def ports_of(world: World, there: bool, probe: bool) -> list[tuple[str, str]]:
    """What is found while somebody listens at green's port: its own container, or another program."""
    project, engine = project_of(world)
    if not there:
        engine.there.discard("frontend-green")
    services = preflight.all_services(project)
    looks, wanted = Looks(), Preflight(project, ("1.6.7", "1.6.7"), services, probe=probe)
    looks.take("ports", wanted._ports)
    return [(each.result, each.seen) for each in looks.findings]


def test_doctor_sees_that_the_next_release_would_find_its_port_taken(world: World) -> None:
    ((result, seen),) = ports_of(world, there=False, probe=True)
    assert result == "warn"
    assert "frontend-green needs it in the next release" in seen
    assert [result for result, _ in ports_of(world, there=True, probe=True)] == ["ok"]
    assert [result for result, _ in ports_of(world, there=False, probe=False)] == ["ok"], "blue only"

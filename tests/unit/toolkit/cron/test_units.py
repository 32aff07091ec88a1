"""What renews certificates by itself: twice a day, at a time that each project has for itself."""

import re
import shlex

import pytest

from tests.unit.toolkit.support.worlds import BGCTL, World
from toolkit.cron import units

pytestmark = pytest.mark.whole

ARGV = ["/opt/bgctl/bin/bgctl", "--project", "/srv/50% shop", "certificate", "--renew"]


def times(line: str) -> tuple[int, ...]:
    found = re.match(r"(\d+) (\d+),(\d+) \* \* \* ", line)
    assert found, line
    return tuple(map(int, found.groups()))


def test_twice_a_day_and_not_all_at_once() -> None:
    names = [f"shop{number}" for number in range(200)]
    for minute, first, second in (times(units.twice_a_day(ARGV, name)) for name in names):
        assert 0 <= minute < 60
        assert 0 <= first < 12
        assert second == first + 12
    assert len({units.twice_a_day(ARGV, name) for name in names}) > 150
    line = units.twice_a_day(ARGV, "shop")
    assert line == units.twice_a_day(ARGV, "shop")
    assert shlex.split(line.split(" * * * ")[1].replace(r"\%", "%")) == ARGV


def test_printed_where_acme_is_on_and_refused_elsewhere(world: World) -> None:
    everything = world.bgctl("cron").stdout
    assert "certificate" not in everything
    refused = world.bgctl("cron", "--certificate-timer")
    assert refused.returncode == 3
    assert "agree_tos = true under [acme]" in refused.stderr
    path = world.root / "bgctl.toml"
    text = path.read_text().replace("agree_tos = false", "agree_tos = true")
    path.write_text(text.replace("hosts = []", 'hosts = ["shop.example"]', 1))
    drains, renews = world.bgctl("cron", "--crontab").stdout.splitlines()
    assert drains.startswith("* * * * * ")
    assert renews.endswith(f" * * * {BGCTL} --project {world.root} certificate --renew")
    service = world.bgctl("cron", "--certificate-service").stdout
    assert f"ExecStart={BGCTL} --project {world.root} certificate --renew\n" in service
    assert "SuccessExitStatus=4 5\n" in service
    timer = world.bgctl("cron", "--certificate-timer").stdout
    assert "Persistent=true" in timer
    everything = world.bgctl("cron").stdout
    assert service in everything
    assert timer in everything
    assert "enable --now bgctl-shop-certificate.timer" in everything

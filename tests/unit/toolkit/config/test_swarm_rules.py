"""What is of one host is refused where the project is placed on several, each by its setting."""

from pathlib import Path

import pytest

from toolkit import config
from toolkit.errors import Refused

EXAMPLE = (Path(__file__).parents[4] / "bgctl.example.toml").read_text()
SWARM = EXAMPLE.replace('engine = "auto" ', 'engine = "swarm"')


def test_a_swarm_is_named_and_never_found_by_chance() -> None:
    assert config.parse(SWARM).project.engine.several_hosts
    assert not config.parse(EXAMPLE).project.engine.several_hosts


@pytest.mark.parametrize(
    ("written", "instead", "setting"),
    [
        ("access_log = false ", 'access_log = "json"\naccess_log_file = "a.log"\n#', "access_log_file"),
        ('acme_webroot = "" ', 'acme_webroot = "proxy/acme"', "acme_webroot"),
        ("[services.frontend]\n", '[services.frontend]\nstatic = {"/s/" = "slot:/app/s"}\n', "static"),
        ("[services.frontend]\n", '[services.frontend]\nstatic = {"/s/" = "media"}\n', "static"),
        ("[services.frontend]\n", '[services.frontend]\nassets = {"/s/" = "slot:/app/s"}\n', "assets"),
        ("[services.frontend]\n", '[services.frontend]\naccel = {"/s/" = "media"}\n', "accel"),
    ],
)
def test_what_is_of_one_host_is_refused(written: str, instead: str, setting: str) -> None:
    without = "\n".join(
        line
        for line in EXAMPLE.splitlines()
        if not line.startswith(("access_log_file", f"{setting} =")) or written.startswith(line[:12])
    )
    one_host = without.replace(written, instead)
    assert one_host != without
    config.parse(one_host)
    with pytest.raises(Refused, match=rf"{setting}.*has several"):
        config.parse(one_host.replace('engine = "auto" ', 'engine = "swarm"'))


def test_what_is_fetched_into_a_file_of_one_host_is_refused() -> None:
    fetched = (
        f'{EXAMPLE}\n[jwks.auth0]\nurl = "https://shop.example/jwks.json"\nissuer = "https://shop.example/"\n'
    )
    config.parse(fetched)
    with pytest.raises(Refused, match=r"jwks\.auth0\.url.*has several"):
        config.parse(fetched.replace('engine = "auto" ', 'engine = "swarm"'))


def test_what_each_node_may_have_is_taken() -> None:
    for folder in ("volume:media", "/srv/media"):
        text = SWARM.replace(
            "[services.frontend]\n", f'[services.frontend]\nstatic = {{"/s/" = "{folder}"}}\n'
        )
        config.parse(text)


def test_a_label_of_nodes_is_for_a_swarm() -> None:
    labelled = 'node_label = "tier=web" '
    assert config.parse(SWARM.replace('node_label = "" ', labelled)).project.node_label.pair == (
        "tier",
        "web",
    )
    with pytest.raises(Refused, match="node_label: is for a swarm"):
        config.parse(EXAMPLE.replace('node_label = "" ', labelled))

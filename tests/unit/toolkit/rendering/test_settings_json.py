"""settings.json from bgctl.toml."""

import json
import socket

import pytest

from tests.unit.toolkit.support.rendered import CONFIG, EXAMPLE
from toolkit import __version__, config
from toolkit.rendering import capacity, settings_json


def test_settings() -> None:
    assert json.loads(settings_json.render(CONFIG)) == {
        "schema": 1,
        "issuer": "bgctl",
        "leeway": 60,
        "token_longest": 604800,
        "version_claim": "deploymentVersion",
        "token_headers": [],
        "token_cookies": [],
        "secure_cookies": True,
        "cookie_stem": "bg",
        "pin_idle": 1800,
        "pin_domain": "",
        "pin_same_site": "lax",
        "session_cookies": [],
        "key_headers": ["authorization"],
        "state_file": "/state/state.json",
        "node_file": "/state/node.json",
        "balancer_path": "",
        "jwks_file": "/state/jwks.json",
        "keys_dir": "/keys/verify",
        "pin_key_file": "/keys/pin/pin.secret",
        "proxy_key_file": "/keys/proxy/proxy.key",
        "proxy_name": f"{socket.gethostname()}:8080",
        "api": "127.0.0.1:8090",
        "control": "127.0.0.1:9180",
        "active_window": 1800,
        "held_every": 10,
        "migrate": "never",
        "migrate_idle": 600,
        "routes": [
            {"location": "/", "service": "frontend", "slotted": True},
            {"location": "= /api/deployment", "service": "frontend", "slotted": True},
            {"location": "/api/deployment/", "service": "session-api", "slotted": False},
        ],
        "sites": [],
        "unknown_hosts": "serve",
        "access_log": False,
        "peers": [
            {
                "slot": slot,
                "service": "frontend",
                "address": address,
                "path": "/healthz",
                "host": address,
                "scheme": "https",
                "proof": "json",
            }
            for slot, address in (("blue", "127.0.0.1:8081"), ("green", "127.0.0.1:8083"))
        ],
        "health_check": 2,
        "health_timeout": 2,
        "health_fails": 3,
        "max_body": 100 << 20,
        "min_rate": 32 << 10,
        "client_timeout": 30,
        "header_size": 32 << 10,
        "connections": capacity.of(CONFIG.proxy, capacity.this_machine()).clients,
        "limit_wait": 1,
        "notice_page": "/etc/bgctl/notice.html",
        "unavailable_page": "/etc/bgctl/unavailable.html",
        "maintenance_page": "/etc/bgctl/maintenance.html",
        "version": __version__,
        "drain_deadline": 0,
        "mirrors": {},
        "replicas": {},
        "spares": {},
        "follows_agent": False,
        "assets": {},
        "certificates": [],
    }


@pytest.mark.parametrize(
    ("idle", "window", "every"),
    [("30m", 1800, 10), ("5s", 600, 1), ("60s", 600, 6), ("2h", 7200, 10), ("off", 7 * 86400, 10)],
)
def test_the_proxy_remembers_for_as_long_as_it_matters(idle: str, window: int, every: int) -> None:
    text = EXAMPLE.replace('idle_timeout = "30m"', f'idle_timeout = "{idle}"')
    settings = json.loads(settings_json.render(config.parse(text)))
    assert (settings["active_window"], settings["held_every"]) == (window, every)


def test_the_life_of_tokens_is_one_setting() -> None:
    day = EXAMPLE.replace('longest = "7d"', 'longest = "1d"').replace(
        'idle_timeout = "30m"', 'idle_timeout = "off"'
    )
    settings = json.loads(settings_json.render(config.parse(day)))
    assert (settings["token_longest"], settings["active_window"]) == (86400, 86400)


@pytest.mark.threat(67)
@pytest.mark.parametrize(
    ("pin", "idle", "holds"),
    [
        ("off", "30m", 1800),
        ("off", "2h", 7200),
        ("off", "5s", 5),
        ("off", "off", 1800),
        ("10m", "30m", 1800),
        ("2h", "30m", 7200),
        ("10m", "off", 600),
    ],
)
def test_67_who_is_counted_is_held(pin: str, idle: str, holds: int) -> None:
    text = EXAMPLE.replace('pin_idle = "off"', f'pin_idle = "{pin}"')
    found = json.loads(
        settings_json.render(config.parse(text.replace('idle_timeout = "30m"', f'idle_timeout = "{idle}"')))
    )
    assert found["pin_idle"] == holds
    assert found["active_window"] >= holds


def test_an_issuer_is_escaped() -> None:
    odd = config.parse(EXAMPLE.replace('issuer = "bgctl"', 'issuer = "a \\"quoted\\" \\\\ one"'))
    assert json.loads(settings_json.render(odd))["issuer"] == 'a "quoted" \\ one'

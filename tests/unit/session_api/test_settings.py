"""The environment, and how the process ends when it cannot start."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from session_api.environment import SettingsError
from session_api.settings import Settings, from_environment, variables
from session_api.stores.redis.address import RedisAddress
from tests.unit.session_api.support.data import ROOT


def test_defaults_are_the_documented_ones() -> None:
    assert from_environment({"BGCTL_ISSUER": "bgctl", "BGCTL_LEEWAY": ""}) == Settings(
        issuer="bgctl",
        state=Path("/state/state.json"),
        keys=Path("/keys"),
        store=Path("/data/sessions.db"),
        token_ttl=604800,
        idle_timeout=1800,
        leeway=60,
        secure_cookies=True,
    )


def test_everything_can_be_set() -> None:
    environment = {
        "BGCTL_ISSUER": "shop",
        "BGCTL_STATE": "/s.json",
        "BGCTL_KEYS": "/k",
        "BGCTL_STORE": "sqlite:///here.db",
        "BGCTL_TOKEN_TTL": "3600",
        "BGCTL_IDLE_TIMEOUT": "0",
        "BGCTL_LEEWAY": "0",
        "BGCTL_VERSION_CLAIM": "app.version",
        "BGCTL_TOKEN_COOKIES": "token __Secure-authjs.session-token",
        "BGCTL_TOKEN_HEADERS": "X-Auth-Token",
        "BGCTL_SECURE_COOKIES": "false",
        "BGCTL_COOKIE_STEM": "shop",
    }
    assert from_environment(environment) == Settings(
        "shop",
        Path("/s.json"),
        Path("/k"),
        Path("here.db"),
        token_ttl=3600,
        idle_timeout=0,
        leeway=0,
        version_claim="app.version",
        token_cookies=("token", "__Secure-authjs.session-token"),
        token_headers=("X-Auth-Token",),
        secure_cookies=False,
        cookie_stem="shop",
    )


@pytest.mark.parametrize("url", ["redis://h", "redis://h:1/15", "rediss://u:p@h:1/0", "unix:///run/s?db=1"])
def test_redis(url: str) -> None:
    assert from_environment({"BGCTL_ISSUER": "bgctl", "BGCTL_STORE": url}).store == RedisAddress(url)


def test_the_sentinels_of_an_address() -> None:
    found = RedisAddress("redis+sentinel://a:1,b,[::1],[fd00::2]:9/shop/3").sentinels
    assert found == ((("a", 1), ("b", 26379), ("::1", 26379), ("fd00::2", 9)), "shop", 3, False)
    assert RedisAddress("rediss+sentinel://a/shop").sentinels == ((("a", 26379),), "shop", 0, True)
    assert RedisAddress("redis://a:1").sentinels is None


@pytest.mark.parametrize(
    "place", ["", "a", "/shop", "a,/shop", "a:1:2/shop", "u:p@a/shop", "a/shop?x=1", "a/s p"]
)
def test_what_names_no_sentinels(place: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        RedisAddress(f"redis+sentinel://{place}")


def test_the_password_comes_from_a_file_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("open sesame\n")
    environment = {
        "BGCTL_ISSUER": "bgctl",
        "BGCTL_STORE": "redis://h",
        "BGCTL_STORE_PASSWORD_FILE": str(file),
    }
    settings = from_environment(environment)
    assert settings.store == RedisAddress("redis://h", "open sesame")
    assert "sesame" not in repr(settings)
    for url in ("redis://:sesame@h/x", "http://u:sesame@h", "redis://:ses/ame@h:1:2", "redis:sesame@h"):
        with pytest.raises(SettingsError) as caught:
            from_environment({"BGCTL_ISSUER": "bgctl", "BGCTL_STORE": url})
        assert "sesame" not in str(caught.value) and "ses/ame" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BGCTL_ISSUER", ""),
        ("BGCTL_STORE", "/data/sessions.db"),
        ("BGCTL_STORE", "redis://"),
        ("BGCTL_STORE", "redis://localhost/first"),
        ("BGCTL_STORE", "http://localhost"),
        ("BGCTL_STORE_PASSWORD_FILE", "/nowhere"),
        ("BGCTL_STORE", "sqlite:///"),
        ("BGCTL_TOKEN_TTL", "7d"),
        ("BGCTL_TOKEN_TTL", "59"),
        ("BGCTL_IDLE_TIMEOUT", "-1"),
        ("BGCTL_LEEWAY", "3601"),
        ("BGCTL_LEEWAY", "\u0661"),
        ("BGCTL_SECURE_COOKIES", "yes"),
        ("BGCTL_TOKEN_COOKIES", "a=b"),
        ("BGCTL_TOKEN_COOKIES", "a b c d e"),
        ("BGCTL_TOKEN_HEADERS", "X_Auth"),
        ("BGCTL_COOKIE_STEM", "sh=p"),
        ("BGCTL_COOKIE_STEM", "__Host-shop"),
        ("BGCTL_COOKIE_STEM", "s" * 25),
    ],
)
def test_nonsense_names_the_variable(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as caught:
        from_environment({"BGCTL_ISSUER": "bgctl", name: value})
    assert caught.value.next_step


@pytest.mark.parametrize(
    ("name", "said"), [("BGCTL_KEYS", "bgctl keys init"), ("BGCTL_LEEWAY", "whole seconds")]
)
def test_the_server_ends_at_once_and_says_why(tmp_path: Path, name: str, said: str) -> None:
    config = ROOT / "compose" / "session-api" / "gunicorn.conf.py"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        str(config),
        "-b",
        "127.0.0.1:0",
        "session_api.app:get_app()",
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "BGCTL_ISSUER": "bgctl", name: str(tmp_path)}
    environment["PROMETHEUS_MULTIPROC_DIR"] = str(tmp_path)
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("file", ["compose.yaml", "bgctl.yaml"])
def test_compose_files_hand_on_every_variable_and_no_other(file: str) -> None:
    services = msgspec.yaml.decode((ROOT / "compose" / file).read_bytes())["services"]
    handed_on = {name for name in services["session-api"]["environment"] if name.startswith("BGCTL_")}
    assert handed_on == set(variables())

"""What a slot is started with is what plain compose starts, but for what record 68 names.

The compose command itself is asked: what it makes of the user's file, and of what is derived from it.
"""

import datetime
import math
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.toolkit.support.derived import BOTH, ROUND, derived_of, engine_of
from toolkit.engine import process
from toolkit.engine.derivation import OWN

Document = dict[str, Any]
CHANGED = (
    *OWN,
    "image",
)  # of a service without other slotted services, networks, and versions in its environment
FULL = r"""
version: "2.4"
x-common: &common
  logging: {driver: json-file, options: {max-size: "10m", max-file: "3"}}
  extra_hosts: ["host.docker.internal:host-gateway"]
services:
  web:
    <<: *common
    build: {context: ., target: web, args: {VERSION: "${VERSION}", NUMBER: 3}}
    image: "localhost:5000/shop/web:1@sha256:@DIGEST@"
    platform: linux/amd64
    command: ["sh", "-c", "echo $$HOME ${VERSION} $$$$ ${NOPE:-a b}"]
    entrypoint: /bin/sh -c "x $$1"
    healthcheck:
      test: ["CMD-SHELL", "curl http://localhost:$$PORT/ || exit 1"]
      interval: 1m30s
      retries: 3
    labels: {"a.$$key": "Host(`shop.$$y`)", number: 1}
    environment: {NO: no-key, INFINITE: .inf, LINES: "a\n b\n", BARE: null, EMPTY: "", TIME: "22:22"}
    mem_limit: 512m
    cpus: 0.50
    ulimits: {nproc: 65535, nofile: {soft: 20000, hard: 40000}}
    tmpfs: ["/run:size=64m,mode=1777"]
    sysctls: {net.core.somaxconn: 1024}
    volumes: ["./a:/a:ro", "media:/media", "/anonymous"]
    ports: ["80:8000", "9000-9005:9000-9005", "5353:53/udp", "[::1]:99:99"]
    container_name: shop
    hostname: shop
    scale: 2
    stop_grace_period: 1m
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
  db:
    <<: *common
    image: postgres:17
    ports: ["5432:5432"]
    healthcheck: {test: "pg_isready -U $$USER"}
networks: {back: {driver: bridge, ipam: {config: [{subnet: 10.9.0.0/24}]}}}
volumes: {media: {name: "media_${VERSION}", labels: {a: "$$b"}}, theirs: {external: true}}
""".replace("@DIGEST@", "a" * 64)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
DOLLARS = st.lists(st.sampled_from(("$", "a", "{", "}", ":-", "VERSION", "\n", '"', "'", "#"))).map("".join)
YAMLISH = st.sampled_from(
    ("no", "on", "~", "1e3", "010", "0x1F", "22:22", "1_000", "2020-01-01", ".inf", "=", "<<")
)
NUMBERS = st.integers(-(10**30), 10**30) | st.floats(-1e6, 1e6).map(lambda each: round(each, 3))
VALUES = TEXTS | DOLLARS | YAMLISH | NUMBERS


def plain_and_derived(engine: str, compose: str) -> tuple[Document, Document]:
    """What the compose command prints of the user's file on green's version, and of what is derived."""
    with tempfile.TemporaryDirectory() as name:
        found = engine_of(Path(name), engine, compose)
        env = found.told(ROUND)
        plain = found._compose._plain(env | {"CURRENT_VERSION": ROUND["VERSION"]})
        fed = derived_of(found).fed(env)
        told = process.run(found.commands.piped.config(), env=env, cwd=Path(name), told=fed)
    return msgspec.yaml.decode(plain, type=Document), msgspec.yaml.decode(told, type=Document)


def said(part: Any) -> Any:
    """As a container is told it: an environment's False is the text "False"."""
    if isinstance(part, dict):
        return {str(key): said(each) for key, each in part.items()}
    if isinstance(part, list):
        return [said(each) for each in part]
    odd = isinstance(part, float) and not math.isfinite(part)
    return str(part) if odd or isinstance(part, datetime.date) else part


@pytest.mark.whole
@pytest.mark.parametrize("engine", BOTH)
def test_a_slot_is_what_plain_compose_starts_but_for_what_makes_it_a_slot(engine):
    plain, derived = plain_and_derived(engine, FULL)
    services = plain.pop("services")
    theirs = derived.pop("services")
    assert derived.pop("networks") == {"default": {}, **plain.pop("networks")}
    assert derived == plain
    assert theirs["db"] == services["db"]
    for slot in ("web-blue", "web-green"):
        assert set(theirs[slot]) & {"container_name", "scale"} == set()
    web, green = services["web"], theirs["web-green"]
    kept = {key: each for key, each in web.items() if key not in CHANGED}
    assert said(kept) == said({key: each for key, each in green.items() if key not in CHANGED})
    assert green["image"] == "localhost:5000/shop/web:1.6.8"
    for slot, version in (("web-blue", "1.6.7"), ("web-green", "1.6.8")):
        told = theirs[slot]["build"]["args"]  # podman-compose prints a list
        assert "VERSION=" + version in (told if isinstance(told, list) else [f"VERSION={told['VERSION']}"])


@pytest.mark.whole
@pytest.mark.parametrize("engine", BOTH)
@settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])
@given(values=st.lists(VALUES, min_size=20, max_size=60))
def test_any_value_comes_through_as_it_is_written(engine, values):
    texts = {f"V{number}": each for number, each in enumerate(values)}
    written = {
        name: each.replace("$", "$$") if isinstance(each, str) else each for name, each in texts.items()
    }
    words = [str(each) for each in written.values()]
    web = {"image": "web", "environment": written, "command": ["app", *words], "labels": written}
    compose = msgspec.yaml.encode({"services": {"web": web}}).decode()
    plain, derived = plain_and_derived(engine, compose)
    green = derived["services"]["web-green"]
    for key in ("environment", "command", "labels"):
        assert said(green[key]) == said(plain["services"]["web"][key])
    single = {name: str(each).replace("$$", "$") for name, each in green["environment"].items()}
    if engine == "docker":  # podman-compose prints each $ once
        assert single == {name: str(each) for name, each in texts.items()}

"""An engine for a project that has its service once, so that a pair is derived of it."""

import shutil
from pathlib import Path

import pytest

from toolkit import config
from toolkit.engine import detection
from toolkit.engine.derived_file import DerivedFile
from toolkit.engine.engine import Engine

TOML = """
[project]
name = "shop"
engine = "ENGINE"
[services.web]
port = 8000
routes = ["/"]
blue = "127.0.0.1:8081"
green = "127.0.0.1:8083"
health = "/health"
[services.session-api]
address = "127.0.0.1:8091"
health = "/readyz"
[sessions]
address = "127.0.0.1:8091"
"""
COMPOSE = """
services:
  web:
    build: .
    env_file: .env
    environment:
      LITERAL: a$$b
      RELEASE: shop ${VERSION}
    ports: ["8000:8000"]
    depends_on: [db]
  db:
    image: postgres:17
    environment: {PASSWORD: "${PASSWORD}"}
"""
ENV = "PASSWORD='pa$word'\nCURRENT_VERSION=1\nVERSION=1\n"
ROUND = {"CURRENT_VERSION": "1.6.7", "VERSION": "1.6.8"}
BOTH = [pytest.param("docker", marks=pytest.mark.docker), pytest.param("podman", marks=pytest.mark.podman)]


def engine_of(folder: Path, engine: str, compose: str = COMPOSE) -> Engine:
    if not shutil.which(engine):
        pytest.skip(f"{engine} is not installed")
    for name, text in (
        ("bgctl.toml", TOML.replace("ENGINE", engine)),
        ("compose.yaml", compose),
        (".env", ENV),
    ):
        (folder / name).write_text(text)
    return detection.detect(config.load(folder / "bgctl.toml"), folder)


def derived_of(engine: Engine) -> DerivedFile:
    assert engine._compose._derived
    return engine._compose._derived

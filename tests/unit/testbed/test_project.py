"""A project's files are those that bgctl accepts, and its census is asked with the admin key."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
import requests

from testbed.ports import Ports
from testbed.project import ROOT, Project
from toolkit import config
from toolkit.files import env_file


def project(folder: Path, **settings: Any) -> Project:
    return Project(folder, "shop", ports=Ports(), **settings).create()


def test_settings_reach_the_configuration(tmp_path: Path) -> None:
    one = project(tmp_path, idle_timeout="5s", migrate="navigation", deadline="24h", visitors=False)
    read = config.load(tmp_path / "bgctl.toml")
    assert (read.sessions.idle_timeout, read.drain.migrate) == (5.0, "navigation")
    assert (read.drain.deadline, read.drain.visitors) == (86400.0, False)
    one.configure(migrate="never", deadline="off", visitors=True)
    read = config.load(tmp_path / "bgctl.toml")
    assert (read.drain.migrate, read.drain.deadline, read.drain.visitors) == ("never", 0.0, True)
    with pytest.raises(AttributeError, match="no such setting"):
        one.configure(migrates="never")


def test_unchanged_settings_are_the_products_own(tmp_path: Path) -> None:
    project(tmp_path)
    read, default = config.load(tmp_path / "bgctl.toml"), config.Drain()
    assert (read.drain.migrate, read.drain.deadline, read.drain.visitors) == (
        default.migrate,
        default.deadline,
        default.visitors,
    )
    assert read.sessions.idle_timeout == config.Sessions().idle_timeout


@pytest.mark.parametrize("store", ["", "redis://127.0.0.1:6379/0"])
def test_a_store_is_named_in_the_env_file(tmp_path: Path, store: str) -> None:
    project(tmp_path, store=store)
    assert env_file.load(tmp_path / ".env").get("BGCTL_STORE", "") == store


def test_census_asks_with_the_admin_key(tmp_path: Path) -> None:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.headers["Authorization"] == "Bearer open-sesame"
            body = json.dumps({"path": self.path}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Not to standard error."""

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            one = Project(tmp_path, "shop", ports=Ports(api=server.server_address[1]))
            (tmp_path / "keys" / "admin").mkdir(parents=True)
            (tmp_path / "keys" / "admin" / "admin.key").write_text("open-sesame\n")
            assert one.census(limit=0, idle=60)["path"] == "/api/deployment/active-sessions?limit=0&idle=60"
            (tmp_path / "keys" / "admin" / "admin.key").write_text("another\n")
            with pytest.raises(requests.HTTPError, match="401"):
                one.census()
        finally:
            server.shutdown()


@pytest.mark.parametrize("run", ["", "ci-1-2"])
def test_what_a_project_makes_has_the_label_of_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: str
) -> None:
    """All services, networks and volumes; and nothing else in the compose file is another."""
    monkeypatch.setenv("BGCTL_RUN", run)
    project(tmp_path)
    plain = msgspec.yaml.decode((ROOT / "compose" / "compose.yaml").read_bytes())
    made = msgspec.yaml.decode((tmp_path / "compose.yaml").read_bytes())
    if run:
        for kind in ("services", "networks", "volumes"):
            assert {one.pop("labels")["bgctl.run"] for one in made[kind].values()} == {run}
    assert made == plain

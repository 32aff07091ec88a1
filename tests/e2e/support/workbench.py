"""Our Lua modules inside a real nginx, shared memory and all: the code of a test is run on request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import requests

from testbed.labels import labels
from testbed.ports import Ports
from testbed.project import IMAGES
from tests.e2e.support.stacks import eventually

IMAGE = f"localhost/{IMAGES}/proxy:dev"
CONFIGURATION = """\
include /opt/bgctl/modules.conf;
worker_processes 1;
error_log stderr warn;
pid /tmp/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path /tmp/body;
    client_body_buffer_size 1m;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    lua_socket_log_errors off;  # as in production: what is not delivered is told in /status
    lua_package_path "/opt/bgctl/lua/?.lua;;";
    lua_shared_dict bg_metrics 64k;
    lua_shared_dict bg_figures 256k;
    lua_shared_dict bg_seen %(seen)s;
    lua_shared_dict bg_cookies %(visitors)s;
    lua_shared_dict bg_visitors %(visitors)s;
    lua_shared_dict bg_outbox %(outbox)s;
    lua_shared_dict bg_outbox_cookies %(visitors)s;
    lua_shared_dict bg_outbox_visitors %(visitors)s;
    lua_shared_dict bg_pages %(others)s;
    lua_shared_dict bg_clients %(others)s;
    lua_shared_dict bg_token_sessions 64k;
    lua_shared_dict bg_verified %(others)s;
    lua_shared_dict bg_feed 64k;
    lua_shared_dict bg_held 64k;
    lua_shared_dict bg_workers 64k;
    server {
        listen 127.0.0.1:%(port)d;
        location / {
            content_by_lua_block {
                ngx.req.read_body()
                ngx.print(require("cjson").encode({ assert(loadstring(ngx.req.get_body_data()))() }))
            }
        }
    }
}
"""


class Workbench:
    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}/"

    def run(self, code: str) -> list[Any]:
        """What the Lua code returns. Fails with nginx's answer when it throws."""
        answer = requests.post(self._url, data=code.encode(), timeout=30)
        assert answer.status_code == 200, answer.text
        values: list[Any] = json.loads(answer.content)
        return values

    def answers(self) -> bool:
        try:
            return self.run("return 1") == [1]
        except requests.RequestException:
            return False


@contextmanager
def workbench(
    folder: Path, seen: str = "64k", outbox: str = "64k", visitors: str = "64k", others: str = "64k"
) -> Iterator[Workbench]:
    """A nginx with shared dictionaries of these sizes."""
    port = Ports.free().proxy
    folder.chmod(0o755)
    sizes = {"seen": seen, "outbox": outbox, "visitors": visitors, "others": others}
    (folder / "nginx.conf").write_text(CONFIGURATION % {"port": port, **sizes})
    container = docker.from_env().containers.run(
        IMAGE,
        detach=True,
        labels=labels(),
        network_mode="host",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        volumes={str(folder): {"bind": "/etc/bgctl", "mode": "ro"}},
    )
    try:
        bench = Workbench(port)
        eventually(bench.answers, "nginx answers")
        yield bench
        said = container.logs().decode()
        assert not said, said
    finally:
        container.remove(force=True)

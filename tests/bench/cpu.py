"""What routing costs: CPU time of the proxy's workers per request, against a plain nginx of the same image.

Both pass the same requests to the same backend, an nginx that answers with a dozen bytes. wrk asks as fast as
it can over 32 connections, with 2,000 session tokens in turn; or with as many visitors'
pins, or session cookies of the app's own and the pins beside them. CPU time comes from /proc: it is steady
where requests per second are not.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import statistics
import subprocess
import time
from pathlib import Path

import jwt
import requests

from testbed.labels import labels
from testbed.project import IMAGES, Project

ROUNDS = 5
SECONDS = 5
CONNECTIONS = 32
TOKENS = 2000
OWN = "sessionid"  # the app's session cookie
HEAD = """\
include /opt/bgctl/modules.conf;
worker_processes 2;
error_log stderr warn;
pid /tmp/nginx.pid;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path /tmp/client_body;
    proxy_temp_path /tmp/proxy;
    fastcgi_temp_path /tmp/fastcgi;
    uwsgi_temp_path /tmp/uwsgi;
    scgi_temp_path /tmp/scgi;
    keepalive_requests 1000000;
"""
BACKEND = (
    HEAD
    + """
    server {
        listen 127.0.0.1:%(blue)d;
        listen 127.0.0.1:%(green)d;
        location / { return 200 "hello world\\n"; }
    }
}
"""
)
PLAIN = (
    HEAD
    + """
    map $cookie_slot $slot { default blue; "green" green; }
    upstream blue { server 127.0.0.1:%(blue)d; keepalive 64; }
    upstream green { server 127.0.0.1:%(green)d; keepalive 64; }
    server {
        listen 127.0.0.1:%(plain)d;
        location / {
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Request-Id $request_id;
            proxy_pass http://$slot;
        }
    }
}
"""
)
SCRIPT = """\
local headers = {}
for line in io.lines("%s") do headers[#headers + 1] = line end
local at = 0
request = function()
    at = at %% #headers + 1
    return wrk.format("GET", "/", {["%s"] = headers[at]})
end
"""


def measure(project: Project, scratch: Path, plain: int) -> dict[str, float]:
    """Microseconds per request, medians.

    `plain`; `bearer`, a token in a header; `cookie`, a token and its pin; `pin`, a visitor's; `session`, the
    app's own cookie and its pin.
    """
    settings = project.directory / "bgctl.toml"
    settings.write_text(settings.read_text().replace("[sessions]", f'[sessions]\ncookie = "{OWN}"', 1))
    project.bgctl("reload")
    ports = {"blue": project.ports.blue, "green": project.ports.green, "plain": plain}
    for service in ("frontend-blue", "frontend-green"):
        for container in project.containers(service):
            project.engine_says("rm", "--force", container)
    names = {
        "backend": _start(project, scratch / "backend", BACKEND % ports),
        "plain": _start(project, scratch / "plain", PLAIN % ports),
    }
    names["proxy"] = project.containers("proxy")[0]
    try:
        return _compare(project, scratch, names, plain)
    finally:
        project.engine_says("rm", "--force", names["backend"], names["plain"])


def report(medians: dict[str, float]) -> str:
    plain = medians["plain"]
    rows = [f"  {name:<8} {value:5.1f} us  {value / plain:.2f}x" for name, value in medians.items()]
    return "\n".join(["CPU of the proxy's workers per request:", *rows])


def _compare(project: Project, scratch: Path, names: dict[str, str], plain: int) -> dict[str, float]:
    _wait_for(f"{project.url}/")
    _wait_for(f"http://127.0.0.1:{plain}/")
    scripts = _scripts(project, scratch)
    subjects = {
        "plain": (names["plain"], f"http://127.0.0.1:{plain}/", scripts["cookie"]),
        "bearer": (names["proxy"], f"{project.url}/", scripts["bearer"]),
        **{name: (names["proxy"], f"{project.url}/", scripts[name]) for name in ("cookie", "pin", "session")},
    }
    for _, url, script in subjects.values():
        _wrk(url, script)  # every token verified, every pool warm
    rounds: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, (container, url, script) in subjects.items():
            before = _cpu(project, container)
            served = _wrk(url, script)
            rounds[name].append((_cpu(project, container) - before) / served * 1e6)
    return {name: statistics.median(values) for name, values in rounds.items()}


def _start(project: Project, directory: Path, configuration: str) -> str:
    directory.mkdir(parents=True)
    (directory / "nginx.conf").write_text(configuration)
    options = [
        "--detach",
        "--network=host",
        "--read-only",
        "--tmpfs=/tmp",
        f"--volume={directory}:/etc/bgctl:ro",
        *(f"--label={name}={value}" for name, value in labels().items()),
    ]
    return project.engine_says("run", *options, f"localhost/{IMAGES}/proxy:dev").strip()


def _wait_for(url: str) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            requests.get(url, timeout=1).raise_for_status()
        except requests.RequestException:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
        else:
            return


def _scripts(project: Project, scratch: Path) -> dict[str, Path]:
    """wrk's scripts: one header for each request, from a file of its own."""
    keys = project.directory / "keys"
    kid = json.loads((keys / "verify" / "keyring.json").read_text())["sign"]
    key = (keys / "signing" / f"{kid}.pem").read_text()
    now = int(time.time())
    tokens = []
    for number in range(TOKENS):
        claims = {
            "sub": f"user-{number}",
            "sid": f"session-{number:014d}",
            "iss": "bgctl",
            "exp": now + 86400,
        }
        claims |= {"deploymentVersion": project.version}
        tokens.append(jwt.encode(claims, key, "EdDSA", {"kid": kid}))
    headers = {
        "bearer": ("Authorization", [f"Bearer {token}" for token in tokens]),
        "cookie": ("Cookie", [_jar(project, f"bg_session={token}") for token in tokens]),
        "pin": ("Cookie", [_jar(project) for _ in tokens]),
        "session": ("Cookie", [_jar(project, f"{OWN}={secrets.token_hex(16)}") for _ in tokens]),
    }
    scripts = {}
    for name, (header, values) in headers.items():
        (scratch / f"{name}.txt").write_text("\n".join(values) + "\n")
        scripts[name] = scratch / f"{name}.lua"
        scripts[name].write_text(SCRIPT % (scratch / f"{name}.txt", header))
    return scripts


def _jar(project: Project, cookie: str = "") -> str:
    """What a browser with this cookie sends after its first answer."""
    headers = {"Accept": "text/html"} | ({"Cookie": cookie} if cookie else {})
    pin = requests.get(f"{project.url}/", headers=headers, timeout=5).cookies["bg_pin"]
    return "; ".join(filter(None, (cookie, f"bg_pin={pin}")))


def _wrk(url: str, script: Path) -> int:
    """Requests served. Raises when any was not a success."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    served = re.search(r"(\d+) requests in", said)
    if served is None or "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    return int(served[1])


def _cpu(project: Project, container: str) -> float:
    """Seconds that the workers of this container's nginx have computed, user and system."""
    master = project.engine_says("inspect", "--format", "{{.State.Pid}}", container).strip()
    ticks = 0
    for worker in Path(f"/proc/{master}/task/{master}/children").read_text().split():
        fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")

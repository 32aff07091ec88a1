"""What bgctl accepts, nginx takes: configurations by chance, each of them tried with `nginx -t`."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from testbed import certificates
from testbed.project import IMAGES
from toolkit import config
from toolkit.errors import Refused
from toolkit.rendering import render

NUMBER = 60
PEM = "tls/1.pem"
PAIR = {"certificate": "a.pem", "key": "b.pem"}
TRY_ALL = """
for folder in /tried/*; do
    sed "s#/etc/bgctl/#$folder/#g" $folder/nginx.conf > /tmp/nginx.conf
    said=$(nginx -t -p /tmp -c /tmp/nginx.conf -e stderr 2>&1 || true)
    echo "$said" | grep -vE 'syntax is ok|test is successful' | sed "s#^#$folder: #"
done
"""


class Chance:
    """Values of settings: such as are written, and such as nobody has thought of."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.one = self.random.choice

    def address(self) -> str:
        port, last = self.random.randint(1024, 65535), f"{self.random.randint(4096, 65535):x}"
        long = f"[2001:db8:{last}:aaaa:bbbb:cccc:dddd:{last}]:{port}"
        return self.one([f"127.0.0.1:{port}", f"[::1]:{port}", f"10.0.0.1:{port}", long])

    def duration(self) -> str:
        return self.one(["1ms", "1500ms", "2s", "30s", "5m", "24h", "999999999ms", "999999999d"])

    def route(self) -> str:
        parts = ["".join(self.random.choices("abZ09._~+-", k=self.one([1, 3, 60]))) for _ in range(2)]
        return self.one(["", "= ", "^~ "]) + self.one(
            ["/", f"/{parts[0]}", f"/{parts[0]}/", "/" + "/".join(parts)]
        )

    def hosts(self) -> list[str]:
        label = "".join(self.random.choices("abz09-_", k=self.one([1, 3, 60])))
        long = ".".join([f"a{label}a"] * self.one([1, 3]))
        return [self.one(["", "*."]) + each for each in (self.one(["shop.example", "127.0.0.1", "a"]), long)]

    def networks(self) -> list[str]:
        known = ["10.0.0.0/8", "10.1.2.3", "::1", "2001:db8::/32", "0.0.0.0/1", "fe80::/10"]
        return self.random.choices(known, k=self.random.randint(0, 4))

    def header(self) -> str:
        length = self.one([0, 1, 50, 3999, 4000])
        return "".join(self.random.choices(" !#%&'()*+,-./:;<=>?@[]^_`{|}~aZ09", k=length))

    def proxy(self, tls: bool) -> dict[str, Any]:
        durations = ("pin_idle", "read_timeout", "connect_timeout", "upstream_keepalive", "client_timeout")
        return {
            "listen": self.one(
                ["127.0.0.1:8080", "0.0.0.0:8080", "[::]:8080", ["0.0.0.0:8080", "[::]:8080"]]
            ),
            "unknown_hosts": self.one(["serve", "refuse"]),
            "control": self.one(["127.0.0.1:9180", "127.0.0.2:9180"]),
            "workers": self.one([1, 2, 64]),
            "secure_cookies": tls or self.one([True, False]),
            "max_body": self.one(["1k", "100m", "999999999g"]),
            "header_size": self.one(["4k", "32k", "33k", "64k"]),
            "compress": self.one([True, False]),
            "access_log": self.one([True, False, "combined"]),
            "trusted": self.networks(),
            "proxy_protocol": self.one([True, False]),
            "include": self.one(["", "extra.conf"]),
            **{name: self.duration() for name in durations},
        }

    def tls(self, on: bool) -> dict[str, Any]:
        webroot = {"acme_webroot": self.one(["", "proxy/acme"])}
        more = {
            **PAIR,
            "listen": self.one(["[::]:8443", "127.0.0.1:8443", ["[::]:8443", "127.0.0.1:8443"]]),
            "port": self.one([0, 443]),
            "redirect": self.one([True, False]),
            "hsts": self.one(["365d", "off"]),
            "http3": self.one([True, False]),
        }
        return webroot | (more if on else {})

    def service(self) -> dict[str, Any]:
        common = {"routes": [self.route() for _ in range(self.one([1, 1, 3]))], "health": "/h"}
        common["hosts"] = self.one([[], [], self.hosts()])
        shared = {"address": self.address(), "timeout": self.duration(), "connections": self.one([1, 2000])}
        slotted = {"blue": self.address(), "green": self.address(), "mirror": self.one([0, 5])}
        slotted |= self.one([{}, {"read_timeout": self.duration()}, self.folders()])
        own = self.one([{}, {"buffering": self.one([True, False]), "max_body": self.one(["1k", "2g"])}])
        return common | own | self.one([shared, slotted])

    def folders(self) -> dict[str, Any]:
        names = [f"/folder-{self.random.randint(0, 99999)}/" for _ in range(3)]
        return {"static": {names[0]: "s", names[1]: "slot:/i"}, **self.one([{}, {"accel": {names[2]: "p"}}])}

    def text(self) -> str:
        tls = self.one([True, False])
        headers = ("X-Frame-Options", "content-security-policy", f"X-{'a' * 58}")
        stems = ("frontend", "feed", "a-b", "frontend-blue", "frontend-green-alone", "default", "a" * 40)
        names = {self.one(stems) + self.one(["", "-1", "1"]) for _ in range(self.one([1, 3, 9]))}
        tables = {
            "project": {"name": "shop"},
            "proxy": self.proxy(tls),
            "tls": self.tls(tls),
            "limits": {
                "requests": self.one(["off", "1/m", "99999/s"]),
                "burst": self.one([0, 1, 100_000]),
                "connections": self.one([0, 1, 65_535]),
                "exempt": self.networks(),
            },
            "headers": {name: self.header() for name in headers},
            "maintenance": {"allow": self.networks()},
            **self.one([{}, {"neighbours.next-door": {"hosts": self.hosts(), "address": self.address()}}]),
            **self.one([{}, {"certificates.one": {"hosts": self.hosts(), **PAIR}} if tls else {}]),
            **{f"services.{name}": self.service() for name in sorted(names)},
        }
        return "\n".join(f"[{name}]\n{written(table)}" for name, table in tables.items())


# Lines of the operator's own. Arguments that nginx could read otherwise than they were meant are in quotes.
OWN = """\
rewrite "^/old/([0-9]{2})\\.html$" /new/$1 permanent;
location = /own-1 { return 200 "a \\"word\\"; # and } {"; add_header Cache-Control "max-age=60" always; }
location ^~ /own-2/ { return 301 $scheme://$host$request_uri; }
location = /own-3 { return 410; default_type text/html; }
location /own-4/ { auth_basic "Staff # only"; }
location = /own-5 { auth_basic off; }
auth_basic "Team \\"A\\"";
auth_basic_user_file passwords;
satisfy any;
allow 10.1.2.3;
deny all;
"""


def written(table: dict[str, Any]) -> str:
    return "".join(f"{name} = {inline(value)}\n" for name, value in table.items())


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(name)} = {json.dumps(each)}' for name, each in value.items())}}}"
    return json.dumps(value)


def accepted(chance: Chance) -> config.Config:
    while True:
        try:
            return config.parse(chance.text())
        except Refused:
            continue


@pytest.mark.threat(50)
def test_50_nginx_takes_what_bgctl_accepts(tmp_path: Path) -> None:
    (tmp_path / "certificate").mkdir()
    certificates.make(tmp_path / "certificate")
    pair = [(tmp_path / "certificate" / name).read_bytes() for name in (certificates.CHAIN, certificates.KEY)]
    (tmp_path / "extra.conf").write_text(OWN)
    (tmp_path / "passwords").write_text("ada:$apr1$a$b\n")
    for number in range(NUMBER):
        folder = tmp_path / "tried" / str(number)
        (folder / "tls").mkdir(parents=True)
        files = render.files(accepted(Chance(number)), tmp_path, PEM, {"certificates.one": PEM})
        files |= {PEM: b"".join(pair), "tls/quic.key": bytes(48)}
        for name, content in files.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
    mount = f"{tmp_path / 'tried'}:/tried:ro"
    command = ["docker", "run", "--rm", "--user", "0", "--network", "none", "--volume", mount]
    command += ["--entrypoint", "sh", f"localhost/{IMAGES}/proxy:dev", "-c", TRY_ALL]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.stderr) == ("", "")

"""gixy looks for mistakes in what is rendered; each finding that stays has its reason here."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit import config
from toolkit.rendering import nginx_conf, render

ROOT = Path(__file__).parents[4]
EXAMPLE = (ROOT / "bgctl.example.toml").read_text()
TLS = {'certificate = ""': 'certificate = "a.pem"', 'key = ""': 'key = "b.pem"'}
MORE = {
    "http3 = false": "http3 = true",
    'acme_webroot = ""': 'acme_webroot = "proxy/acme"',
    "access_log = false": "access_log = true",
    "trusted = []": 'trusted = ["10.0.0.0/8"]',
    'requests = "off"': 'requests = "20/s"',
    "connections = 0 ": "connections = 50 ",
}
HOSTS = {
    "hosts = []                          # where": 'hosts = ["shop.example", "*.shop.example"]  # where',
    '"serve"': '"refuse"',
    'listen = "0.0.0.0:443"': 'listen = ["0.0.0.0:443", "[::]:443"]',
    "[headers]": """\
[neighbours.wiki]
hosts = ["wiki.example"]
address = "127.0.0.1:8180"

[headers]""",
}
BEHIND = {"trusted = []": 'trusted = ["10.0.0.0/8"]', "proxy_protocol = false": "proxy_protocol = true"}
OWN = """\
rewrite ^/old/(.*)$ /new/$1 permanent;
location = /shop { return 301 $scheme://shop.example$request_uri; }
location /staff/ { auth_basic Staff; auth_basic_user_file passwords; }
allow 10.0.0.0/8;
deny all;
"""
# Check, what it says (a pattern), and why that is no fault.
ACCEPTED = [
    ("ssrf", r'"\$bg_upstream"', "Lua chooses it: blue, green, or one of these with _alone"),
    ("http_splitting", r'"\$bg_(upstream|slot)"', "Lua chooses it: no part of it is a client's"),
    ("missing_resolver", "proxy_pass", "every upstream is rendered here: no name is looked up"),
    ("default_server_flag", r"listen 0\.0\.0\.0:443", "the second listener is HTTP/3's, by UDP: one server"),
    ("if_is_evil", r"if \(\$bg_body", "it differs from its location by a read of the body (record 37)"),
    (
        "try_files_is_evil_too",
        "try_files",
        "no open_file_cache: files change, and it would keep those of before",
    ),
    ("return_bypasses_allow_deny", r"bg_for_api", "404 says nothing that is not for all"),
    (
        "worker_rlimit_nofile_vs_connections",
        "Missing worker_rlimit_nofile",
        "compose/proxy/proxy gives it all that the container may have, which is only known there",
    ),
    ("if_is_evil", r"if \(\$bg_upstream", "the gate is closed: tests/e2e shows what comes of it (record 17)"),
]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="plain"),
        pytest.param(TLS, id="tls"),
        pytest.param(TLS | MORE, id="everything"),
        pytest.param(TLS | MORE | {"redirect = true": "redirect = false"}, id="no-redirect"),
        pytest.param({"compress = true": "compress = false"}, id="no-compression"),
        pytest.param({"access_log = false": 'access_log = "combined"'}, id="combined"),
        pytest.param(BEHIND, id="proxy-protocol"),
        pytest.param({"replicas = 1 ": "replicas = 2 "}, id="replicas"),
        pytest.param(
            {"mirror = 0 ": 'mirror = 5\nbuffering = false\nread_timeout = "10m"\nmax_body = "2g" '},
            id="back",
        ),
        pytest.param(
            {"mirror = 0 ": 'static = {"/s/" = "s", "/i/" = "slot:/i"}\naccel = {"/p/" = "p"}\n'},
            id="files",
        ),
        pytest.param(HOSTS, id="hosts"),
        pytest.param(TLS | MORE | HOSTS, id="hosts-tls"),
    ],
)
def test_every_finding_is_explained(changes: dict[str, str], tmp_path: Path) -> None:
    text = EXAMPLE
    for right, wrong in changes.items():
        assert right in text
        text = text.replace(right, wrong)
    assert findings(nginx_conf.render(config.parse(text), pem="tls/1.pem"), tmp_path) == []


def test_the_operators_own_lines_add_none(tmp_path: Path) -> None:
    (tmp_path / "extra.conf").write_text(OWN)
    (tmp_path / "passwords").write_text("ada:$apr1$a$b\n")
    text = EXAMPLE.replace('include = ""', 'include = "extra.conf"')
    conf = render.files(config.parse(text), tmp_path)["nginx.conf"].decode()
    assert "$bg_realm" in conf
    assert findings(conf, tmp_path) == []


def findings(conf: str, tmp_path: Path) -> list[dict[str, str]]:
    """What gixy finds that has no reason."""
    for name in ("modules", "brotli"):  # from the image
        conf = conf.replace(f"include /opt/bgctl/{name}.conf;", "")
    path = tmp_path / "nginx.conf"
    path.write_text(conf.replace("/opt/bgctl/nginx/", f"{ROOT}/nginx/"))
    gixy = Path(sys.executable).parent / "gixy"
    command = [str(gixy), "--format", "json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip(), done.stderr
    return [finding for finding in json.loads(done.stdout) if not explained(finding)]


def explained(finding: dict[str, str]) -> bool:
    said = f"{finding['reason']} {finding['summary']} {finding['description']} {finding['config']}"
    return any(finding["plugin"] == check and re.search(known, said) for check, known, _ in ACCEPTED)

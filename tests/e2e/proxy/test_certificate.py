"""bgctl certificate on a real stack with a real authority: obtained, renewed under load, and never lost."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from testbed import acme_faults, certificates
from testbed.pebble import Pebble, pebble
from testbed.ports import Ports
from tests.bench import reloads
from tests.e2e.support.stacks import Stack, eventually, running

HOSTS = ("shop.example", "www.shop.example")
CLIENTS = 8


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A stack that redirects to HTTPS, and an authority that asks its listener of plain HTTP."""
    folder, ports = tmp_path_factory.mktemp("acme"), Ports.free()
    with pebble(folder / "pebble", ports.proxy) as authority:
        acme = {
            "hosts": HOSTS,
            "agree_tos": True,
            "directory": authority.directory,
            "ca_file": "authority.pem",
            "timeout": "10s",
        }
        tables = {"tls": {"listen": f"127.0.0.1:{ports.tls}"}, "acme": acme}
        with running(folder / "project", Shop, tls=True, tables_more=tables, ports=ports) as stack:
            assert isinstance(stack, Shop)
            stack.pebble = authority
            (stack.directory / certificates.AUTHORITY).write_bytes(authority.root())
            yield stack


class Shop(Stack):
    """`pebble` is the authority that gives certificates."""

    pebble: Pebble

    def create(self) -> Shop:
        super().create()
        trusted = self.directory.parent / "pebble" / "ca.pem"
        (self.directory / "authority.pem").write_bytes(trusted.read_bytes())
        return self

    @contextmanager
    def asking(self, directory: str, ca_file: Path | None = None, timeout: str = "1s") -> Iterator[None]:
        """For as long as it is open, bgctl.toml names this authority."""
        tables, trusted = self.tables_more, (self.directory / "authority.pem").read_bytes()
        if ca_file:
            (self.directory / "authority.pem").write_bytes(ca_file.read_bytes())
        other = {**tables["acme"], "directory": directory, "timeout": timeout}
        self.configure(tables_more={**tables, "acme": other})
        try:
            yield
        finally:
            (self.directory / "authority.pem").write_bytes(trusted)
            self.configure(tables_more=tables)

    def shown(self, host: str = HOSTS[0], trusted: bool = True) -> bytes:
        """The certificate that a new connection is shown, which has to be good where it is `trusted`."""
        context = ssl.create_default_context(cafile=self.ca)
        if not trusted:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        plain = socket.create_connection(("127.0.0.1", self.ports.tls), timeout=30)
        with context.wrap_socket(plain, server_hostname=host) as wrapped:
            return wrapped.getpeercert(binary_form=True) or b""

    def renew(self, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """With --anyway, since the names of these hosts lead nowhere."""
        return self.bgctl("certificate", "--anyway", *options, code=code)

    @property
    def challenges(self) -> list[Path]:
        folder = self.directory / "proxy" / "acme"
        return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture(scope="module")
def certified(shop: Shop) -> Shop:
    """With a first certificate, obtained while all others see the page of maintenance."""
    answer = requests.get(f"{shop.plain_url}/", headers={"Host": HOSTS[0]}, allow_redirects=False, timeout=10)
    assert answer.status_code == 308, "it runs before there is any certificate"
    assert shop.shown(trusted=False)
    shop.bgctl("maintenance", "on")
    said = shop.renew().stdout
    shop.bgctl("maintenance", "off")
    assert f"certificate: {', '.join(HOSTS)}: in service, it is good until" in said
    return shop


def test_it_is_shown_for_each_host_and_told(certified: Shop) -> None:
    assert {certified.shown(host) for host in HOSTS} == {certified.shown()}
    assert certified.challenges == []
    listed = certified.ask("certificate", "--list")
    assert (sorted(listed["names"]), listed["due"]) == (sorted(HOSTS), False)
    metrics = requests.get(f"{certified.control_url}/metrics", timeout=10).text
    assert f'bgctl_certificate_expiry_timestamp_seconds{{host="{listed["names"][0]}"}} 1' in metrics
    quiet = certified.bgctl("certificate", "--renew")
    assert (quiet.stdout, quiet.stderr) == ("", "")
    key = certified.directory / "keys" / "acme" / "account.key"
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    certified.bgctl("reload")
    assert "certificate" not in json.dumps(certified.ask("status")), "all is as bgctl.toml says"


class HostClient(reloads.Client):
    """Comes by the host's name, and believes the authority alone."""

    def connect(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection(HOSTS[0], self.port, timeout=30, context=self.context)
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sock = self.context.wrap_socket(plain, server_hostname=HOSTS[0])
        return connection


def test_renewed_and_loaded_under_load(certified: Shop) -> None:
    done = threading.Event()
    clients = [HostClient(certified, done, number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    shown = [certified.shown()]
    try:
        for _ in range(2):
            certified.renew("--force")
            shown.append(certified.shown())
    finally:
        done.set()
        for client in clients:
            client.join()
    assert [failure for client in clients for failure in client.tally.failed] == []
    assert min(len(client.tally.requests) for client in clients) > 10
    assert len(set(shown)) == 3


def test_an_authority_that_is_down_slow_or_refuses_leaves_the_one_that_serves(
    certified: Shop, tmp_path: Path
) -> None:
    before = certified.shown()
    with certified.asking(f"https://127.0.0.1:{Ports.free().proxy}/dir"):
        assert "cannot be reached" in certified.renew("--force", code=1).stderr
    with acme_faults.silent() as url, certified.asking(url):
        assert "has not answered: within 1 s" in certified.renew("--force", code=1).stderr
    words = "too many certificates already issued"
    ca_file = tmp_path / "ca.pem"
    with (
        acme_faults.refusing(ca_file, "rateLimited", words, retry_after="7200") as url,
        certified.asking(url, ca_file, timeout="10s"),
    ):
        said = certified.renew("--force", code=1).stderr
        assert words in said
        assert "it is asked again in 2 h" in said
        assert words in certified.renew("--force", code=5).stderr, "it is left alone, also with --force"
        assert certified.bgctl("certificate", "--renew").stderr == "", "nothing is due"
        assert "the last try failed at" in certified.bgctl("certificate", "--list").stdout
    with certified.pebble.leading(HOSTS[1], "127.0.0.9"):
        said = certified.renew("--force", code=1).stderr
    assert f"{HOSTS[1]}: " in said
    assert "at port 80: look at its DNS records" in said
    assert (certified.shown(), certified.challenges) == (before, [])


@pytest.mark.threat(42)
def test_42_killed_in_the_middle_the_one_that_serves_stays(certified: Shop) -> None:
    before, holder = certified.shown(), certified.directory / "keys" / "acme" / "holder.json"
    with acme_faults.silent() as url, certified.asking(url, timeout="60s"):
        slow = certified.start("certificate", "--anyway", "--force")
        eventually(lambda: json.loads(holder.read_text())["pid"] == slow.pid, "it is at work")
        certified.bgctl("certificate", code=4)
        certified.bgctl("route", "status")
        slow.send_signal(signal.SIGKILL)
        slow.wait(30)
    assert certified.shown() == before
    pending = certified.directory / "keys" / "acme" / "pending.pem"
    fast = certified.start("certificate", "--anyway", "--force", stdout=subprocess.DEVNULL)
    eventually(pending.exists, "it has been issued")
    fast.send_signal(signal.SIGKILL)
    fast.wait(30)
    assert certified.shown()
    certified.bgctl("certificate")
    assert certified.shown() != before
    assert not pending.exists()
    assert certified.challenges == []

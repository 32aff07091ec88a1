"""A real ACME server: Debian's pebble, the test server of Let's Encrypt, with a name server of its own."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

import requests
import trustme

from testbed.ports import Ports

START_SECONDS = 30.0
DAYS = 90  # of a certificate's life
QUICK = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0"}


@dataclass(frozen=True)
class Pebble:
    """`directory` is the address to write into bgctl.toml, `ca_file` what its HTTPS is to be trusted by.

    `management` is the address of its roots; `names` that of the name server's settings.
    """

    directory: str
    ca_file: Path
    management: str
    names: str

    def root(self) -> bytes:
        """The root of what it issues, in PEM: another one with each start."""
        answer = requests.get(f"{self.management}/roots/0", verify=str(self.ca_file), timeout=10)
        answer.raise_for_status()
        return answer.content

    @contextmanager
    def leading(self, host: str, address: str) -> Iterator[None]:
        """For as long as it is open, `host` has this address, for the authority alone."""
        body = {"host": host, "addresses": [address]}
        requests.post(f"{self.names}/add-a", json=body, timeout=10).raise_for_status()
        try:
            yield
        finally:
            requests.post(f"{self.names}/clear-a", json={"host": host}, timeout=10).raise_for_status()


@contextmanager
def pebble(
    folder: Path, http_port: int, refused: tuple[str, ...] = (), **environment: str
) -> Iterator[Pebble]:
    """Runs pebble, which checks hosts at `http_port` of 127.0.0.1: every name leads there.

    It rejects the hosts in `refused`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    listen, management, dns, names = astuple(Ports.free())[:4]
    own = _own_certificate(folder)
    config = {
        "listenAddress": f"127.0.0.1:{listen}",
        "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(folder / "pebble.pem"),
        "privateKey": str(folder / "pebble.key"),
        "httpPort": http_port,
        "tlsPort": 1,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "domainBlocklist": list(refused),
        "certificateValidityPeriod": DAYS * 86400,
    }
    (folder / "pebble.json").write_text(json.dumps({"pebble": config}))
    none = ["-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""]
    server = ["pebble-challtestsrv", "-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{names}", *none]
    authority = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    with (
        (folder / "log").open("ab") as log,
        _running(server, log.fileno(), {}),
        _running(authority, log.fileno(), {**QUICK, **environment}),
    ):
        found = Pebble(
            f"https://127.0.0.1:{listen}/dir",
            own,
            f"https://127.0.0.1:{management}",
            f"http://127.0.0.1:{names}",
        )
        _wait(found, folder / "log")
        yield found


def _own_certificate(folder: Path) -> Path:
    """The certificate of pebble's own listener; returns the file of what has issued it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.private_key_pem.write_to_path(folder / "pebble.key")
    (folder / "pebble.pem").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return folder / "ca.pem"


@contextmanager
def _running(command: list[str], log: int, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **environment}) as process:
        try:
            yield
        finally:
            process.terminate()


def _wait(found: Pebble, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            requests.get(found.directory, verify=str(found.ca_file), timeout=5).raise_for_status()
            requests.post(f"{found.names}/clear-a", json={"host": "none.example"}, timeout=5)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"pebble does not answer\n{log.read_text()[-2000:]}")

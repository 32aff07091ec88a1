"""Makes certificates, of an authority that exists for one project alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme

AUTHORITY = "certs/ca.pem"
CHAIN, KEY = "certs/fullchain.pem", "certs/privkey.pem"
NAMES = ("127.0.0.1", "localhost")


def make(directory: Path) -> trustme.CA:
    """Makes an authority and a certificate for this machine below `directory`; returns the authority."""
    authority = trustme.CA()
    (directory / AUTHORITY).parent.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(directory / AUTHORITY)
    renew(directory, authority)
    return authority


def renew(directory: Path, authority: trustme.CA, days: int = 90) -> None:
    """Puts a new key and certificate in place of the last ones, good for `days` (below 0: expired)."""
    issued = authority.issue_cert(*NAMES, not_after=datetime.now(UTC) + timedelta(days=days))
    issued.private_key_pem.write_to_path(directory / KEY)
    (directory / CHAIN).write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    (directory / KEY).chmod(0o600)

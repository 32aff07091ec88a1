"""What is written into bgctl.toml and the env file of a project of the testbed."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from testbed import certificates
from testbed.ports import Ports


def _toml(table: dict[str, Any]) -> str:
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in table.items())


@dataclass
class Settings:
    """Most fields are settings of bgctl.toml with the same name; testbed/texts.py has the texts."""

    directory: Path
    name: str
    engine: str = "docker"
    version: str = "1.6.7"
    ports: Ports = field(default_factory=Ports.free)
    workers: int = 2
    read_timeout: str = "60s"
    pin_idle: str = "30m"
    health_timeout: str = "30s"
    health_check: str = "2s"
    check_timeout: str = (
        "3s"  # longer than the default: a busy machine must not look like a slot that is down
    )
    request_deadline: str = "15s"
    websocket_deadline: str = "60s"
    stop_grace: str = "5s"
    idle_timeout: str = "30m"
    deadline: str = "off"
    visitors: bool = True
    migrate: str = "never"
    migrate_idle: str = "10m"
    tls: bool = False  # whether it is reached by HTTPS: see `ca`
    listen: str | list[str] = ""  # "": the proxy's port on 127.0.0.1
    proxy_more: dict[str, Any] = field(default_factory=dict)  # more settings of [proxy]
    tls_more: dict[str, Any] = field(default_factory=dict)  # more settings of [tls]
    limits: dict[str, Any] = field(default_factory=dict)
    pin: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    frontend_more: dict[str, Any] = field(default_factory=dict)  # more settings of [services.frontend]
    tables_more: dict[str, dict[str, Any]] = field(
        default_factory=dict
    )  # more tables, such as "neighbours.x"
    api_more: dict[str, Any] = field(default_factory=dict)  # more settings of [services.session-api]
    allow: tuple[str, ...] = ()
    mirror: int = 0
    store: str = ""  # BGCTL_STORE in the env file; "": not there

    @property
    def toml_visitors(self) -> str:
        return json.dumps(self.visitors)

    @property
    def toml_tls(self) -> str:
        return json.dumps(self.tls)

    @property
    def toml_proxy(self) -> str:
        return _toml(self.proxy_more)

    @property
    def toml_listen(self) -> str:
        return json.dumps(self.listen or f"127.0.0.1:{self.ports.proxy}")

    @property
    def toml_frontend(self) -> str:
        return _toml(self.frontend_more)

    @property
    def toml_api(self) -> str:
        return _toml(self.api_more)

    @property
    def toml_tables(self) -> str:
        own = {
            "certificate": certificates.CHAIN,
            "key": certificates.KEY,
            "listen": f"127.0.0.1:{self.ports.tls}",
        }
        tables = {
            "tls": {**(own if self.tls else {}), **self.tls_more},
            "limits": self.limits,
            "pin": self.pin,
            "headers": self.headers,
            **self.tables_more,
        }
        return "".join(f"[{name}]\n{_toml(table)}\n" for name, table in tables.items() if table)

    @property
    def toml_allow(self) -> str:
        return json.dumps(self.allow)

    @property
    def env_store(self) -> str:
        return f"BGCTL_STORE={self.store}\n" if self.store else ""

"""Our Lua modules under LuaJIT, in this process: real OpenSSL through FFI, no nginx."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa.luajit21 as lupa

LUA = Path(__file__).parents[3] / "lua"
NGINX_STUB = (Path(__file__).parent / "nginx_stub.lua").read_bytes()  # Lua code that stands in for nginx


class Lua:
    """A LuaJIT with our modules on its path. Text crosses as bytes, so that any byte can."""

    def __init__(self) -> None:
        self.nginx: Any = None  # what a test keeps of its stand-in for nginx
        self.runtime = lupa.LuaRuntime(encoding=None, unpack_returned_tuples=True)
        self.runtime.globals()[b"package"][b"path"] = f"{LUA}/?.lua".encode()

    def module(self, name: str) -> Any:
        """The module `bg.<name>`; its functions take and return bytes, numbers and Lua tables."""
        return self.runtime.execute(f'return require("bg.{name}")'.encode())

    def table(self, value: Any) -> Any:
        """Dictionaries and lists as Lua tables, deeply; str as bytes."""
        if isinstance(value, dict):
            return self.runtime.table_from({self.table(k): self.table(v) for k, v in value.items()})
        if isinstance(value, list):
            return self.runtime.table_from([self.table(item) for item in value])
        return value.encode() if isinstance(value, str) else value


def plain(value: Any) -> Any:
    """A Lua value in Python's own types: tables as dictionaries, bytes as text."""
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if lupa.lua_type(value) == "table":
        return {plain(key): plain(item) for key, item in value.items()}
    return value

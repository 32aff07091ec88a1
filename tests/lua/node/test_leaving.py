"""When new workers take over, so that clients let go of the connections that they keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lua.support.luajit import NGINX_STUB, Lua
from toolkit.files import node_file

FIRST, SECOND = 0, 1


class Worker:
    """A worker with its node.json; `renewed` counts how often it has had new ones take over."""

    def __init__(self, path: Path, number: int = FIRST) -> None:
        self.path, self.renewed, self.is_exiting = path, 0, False
        lua = Lua()
        lua.runtime.execute(NGINX_STUB)(0)
        worker = lua.runtime.globals()[b"ngx"][b"worker"]
        worker[b"id"] = lambda: number
        worker[b"exiting"] = lambda: self.is_exiting
        lua.module("workers.workers")[b"renew"] = self._renew
        self._file = lua.module("node.node_file")
        self._file[b"init"](lua.table({"node_file": str(path)}))
        self._leaving = lua.module("node.leaving")
        self.tick()

    def tick(self) -> None:
        self._file[b"poll"]()
        self._leaving[b"tick"]()

    def told(self, text: str) -> int:
        """How often it has had new workers take over, once node.json says this."""
        self.path.write_text(text)
        self.tick()
        self.tick()
        return self.renewed

    def _renew(self) -> None:
        self.renewed += 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / node_file.NAME


def test_each_greater_count_is_obeyed_once(path: Path) -> None:
    worker = Worker(path)
    assert worker.told('{"drain": true}') == 0
    assert worker.told('{"drain": true, "leave": 0}') == 0
    assert worker.told('{"drain": true, "leave": 1}') == 1
    assert worker.told('{"drain": true, "leave": 1, "why": "more"}') == 1
    assert worker.told('{"drain": true, "leave": 2}') == 2
    assert worker.told('{"drain": false, "leave": 0}') == 2, "the node is ready again"
    assert worker.told('{"drain": true, "leave": 1}') == 3


def test_a_worker_that_begins_after_it_is_what_was_asked_for(path: Path) -> None:
    path.write_text('{"drain": true, "leave": 4}')
    worker = Worker(path)
    worker.tick()
    assert worker.renewed == 0
    assert worker.told('{"drain": true, "leave": 5}') == 1


def test_one_worker_is_enough_and_none_that_leaves(path: Path) -> None:
    assert Worker(path, SECOND).told('{"leave": 1}') == 0
    path.unlink()
    leaving = Worker(path)
    leaving.is_exiting = True
    assert leaving.told('{"leave": 1}') == 0


def test_a_file_that_is_refused_asks_for_nothing(path: Path) -> None:
    worker = Worker(path)
    assert worker.told('{"leave": 1}') == 1
    assert worker.told('{"leave": "2"}') == 1
    assert worker.told('{"leave": 2}') == 2

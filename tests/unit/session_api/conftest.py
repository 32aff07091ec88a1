"""What the session API's tests share: real keys, a real state file, a clock that is turned by hand."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from session_api.app import create_app
from session_api.keys import algorithms, keyring, signing_keys
from session_api.settings import Settings
from session_api.state.state import State
from session_api.stores.redis.store import RedisStore
from session_api.stores.sqlite.store import SqliteStore
from session_api.stores.store import Store
from session_api.tokens.claims import Rules
from session_api.tokens.tokens import Tokens
from tests.unit.session_api.support.api import Api
from tests.unit.session_api.support.data import ALGORITHMS, NOW, HandClock, write_release
from tests.unit.session_api.support.forge import Forge
from tests.unit.session_api.support.redis_server import RedisServer
from tests.unit.session_api.support.server import Folder, Server


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture(scope="session", autouse=True)
def _keys_are_parsed_once() -> Iterator[None]:
    """OpenSSL tests the primes of an RSA key that it reads, which takes longer than most tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(algorithms, "private_key", cache(algorithms.private_key))
        yield


@pytest.fixture(scope="session")
def all_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A keys/ directory with a verifying key of each algorithm; not to be changed."""
    directory = tmp_path_factory.mktemp("keys") / "keys"
    signing_keys.create(directory, ALGORITHMS[0], now=NOW - 3000)
    for alg in ALGORITHMS[1:]:
        signing_keys.rotate(directory, alg, now=NOW - 2000)
    return directory


@pytest.fixture
def keys(all_keys: Path, tmp_path: Path) -> Path:
    """A copy of it, the test's own."""
    return Path(shutil.copytree(all_keys, tmp_path / "keys"))


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    """A release under way: 1.6.7 is draining, new sessions get 1.6.8."""
    path = tmp_path / "state.json"
    write_release(path)
    return path


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "redis"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path, clock: HandClock) -> Any:
    """A function that opens the same store again, as another host or process would."""
    opened: list[SqliteStore | RedisStore] = []
    prefix = f"{{{uuid4()}}}"

    def open_store(idle_timeout: int = 0, clock: HandClock = clock, **more: Any) -> Store:
        if request.param == "redis":
            address = request.getfixturevalue("redis_server").address
            opened.append(RedisStore(address, idle_timeout, clock, prefix=prefix, **more))
        else:
            path = tmp_path / "sessions.db"
            opened.append(SqliteStore(path, idle_timeout, clock, busy_timeout=30, **more))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(new_store: Any) -> Store:
    return new_store()


@pytest.fixture
def sqlite_store(tmp_path: Path, clock: HandClock) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "sessions.db", clock=clock, busy_timeout=30)
    yield store
    store.close()


@pytest.fixture(scope="session")
def forge(all_keys: Path) -> Forge:
    return Forge(all_keys)


@pytest.fixture(scope="session")
def tokens(all_keys: Path) -> Tokens:
    return Tokens(keyring.Keyring(all_keys), HandClock(), Rules(issuer="bgctl", leeway=60, longest=604800))


@pytest.fixture
def make_api(keys: Path, state_file: Path, store: Store, clock: HandClock) -> Any:
    def make(store: Store = store, clock: HandClock = clock, **changes: Any) -> Api:
        app_settings = Settings(issuer="bgctl", **{"idle_timeout": 0} | changes)
        app = create_app(store, keyring.Keyring(keys), State(state_file), clock, app_settings)
        return Api(app, keys, clock)

    return make


@pytest.fixture
def api(make_api: Any) -> Api:
    return make_api()


@pytest.fixture
def serve(keys: Path, state_file: Path, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A function that starts a server; all of them share the fixtures' keys, state and database."""
    folder = Folder(tmp_path)
    yield folder.serve
    folder.stop()

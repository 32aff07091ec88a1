"""Runs scripts in Redis, each as a whole or not at all; whatever goes wrong leaves as an error of ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any

from session_api.stores.redis import connection
from session_api.stores.redis.address import RedisAddress
from toolkit.clients.http import Unreachable
from toolkit.errors import AGAIN, BgctlError, Failed, Refused

GOES_ON = "start it, then run the same command again; all proxies go on meanwhile with what they have"
FOLDERS = (__package__, connection.__package__)  # both have a folder scripts/
PRIMARY = "write the address of the primary into the env file: BGCTL_STORE"


class Connection:
    """A connection that is opened by the first script. It is safe among threads."""

    def __init__(self, address: RedisAddress) -> None:
        self.address = address
        self._client: Any = None

    def run(self, script: str, keys: Sequence[str], *arguments: str | bytes | int) -> Any:
        """What a script returns, texts as bytes.

        Raises Unreachable when nobody answers in time: then the script may have run or not. Raises Refused
        or Failed when Redis does not do it.
        """
        with self._errors():
            if self._client is None:
                self._client = connection.connect(self.address, text=False)
            return self._client.eval(_text(script), len(keys), *keys, *arguments)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            from redis import RedisError
            from redis.exceptions import RedisClusterException
        except ImportError:
            what, why = "the state is in Redis", "the Python package redis is not there"
            mend = "pipx inject bgctl redis, or: pip install 'bgctl[redis]'"
            raise Refused(what, why, mend) from None
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:
            raise self._told(error) from None

    def _told(self, error: Exception) -> BgctlError:
        from redis import exceptions as kinds

        here, why = f"Redis at {self.address.shown}", " ".join(str(error).split())
        if isinstance(error, kinds.AuthenticationError | kinds.NoPermissionError):
            mend = (
                "write the right password into the file that BGCTL_STORE_PASSWORD_FILE names in the env file"
            )
            return Refused(f"{here} does not let bgctl in", why, mend)
        if isinstance(error, kinds.ReadOnlyError):
            return Refused(f"{here} takes no changes", f"it is a replica: {why}", PRIMARY)
        if isinstance(error, kinds.TimeoutError):
            return Unreachable(f"{here} gives no answer", "timed out", GOES_ON)
        if isinstance(error, kinds.ConnectionError | kinds.BusyLoadingError | OSError):
            return Unreachable(f"{here} gives no answer", why, GOES_ON)
        if isinstance(error, kinds.OutOfMemoryError):
            return Refused(f"{here} takes no changes", why, f"give it more memory (maxmemory); {AGAIN}")
        return Failed(f"{here} does not do it", why, "bgctl doctor")


@cache
def _text(name: str) -> str:
    places = (resources.files(folder).joinpath("scripts", f"{name}.lua") for folder in FOLDERS)
    return next(place for place in places if place.is_file()).read_text()

"""Where the Redis is that holds the state: the one of the session API, as the env file has it."""

from collections.abc import Mapping
from pathlib import Path

from session_api.stores.redis.address import RedisAddress
from toolkit.errors import Refused

STORE, PASSWORD_FILE = "BGCTL_STORE", "BGCTL_STORE_PASSWORD_FILE"
FORM = "redis://HOST:PORT/DB, an address that all nodes reach"


def find(env: Mapping[str, str], root: Path) -> RedisAddress:
    """`root` is the project's folder. Raises Refused where there is none, or its password cannot be read."""
    url = env.get(STORE, "")
    try:
        address = RedisAddress(url)
    except ValueError:
        why = "several hosts share their sessions and their state in Redis"
        why += f", and {STORE} {'names none' if url else 'is not set'}"
        raise Refused("there is no Redis", why, f"write {STORE}={FORM} into the env file") from None
    if not (name := env.get(PASSWORD_FILE, "")):
        return address
    path = root / name
    try:
        return RedisAddress(address.url, path.read_text().split("\n")[0].rstrip("\r"))
    except (OSError, UnicodeDecodeError) as error:
        mend = f"write the password into {path}, or its path into the env file: {PASSWORD_FILE}"
        raise Refused(f"{path} cannot be read", str(error), mend) from None

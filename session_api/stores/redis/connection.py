"""A connection to Redis. The client library is loaded with the first one: bgctl imports this module, too."""

from typing import Any

from session_api.stores.redis.address import RedisAddress, Sentinels

CONNECT_TIMEOUT, ANSWER_TIMEOUT = 1.0, 2.0  # seconds


def connect(
    address: RedisAddress, within: float = ANSWER_TIMEOUT, *, text: bool = True, single: bool = False
) -> Any:
    """A client, of the cluster's own kind where the server is part of one.

    It waits `within` seconds for an answer. Answers are `text`, or else bytes. With a `single` connection,
    for one thread, a question costs a third. Raises the library's errors, or ImportError without it.
    """
    from redis import Redis, RedisCluster
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as RedisConnectionError
    from redis.retry import Retry

    options: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_TIMEOUT,
        "socket_timeout": within,
        "decode_responses": text,
    }
    if address.password is not None:
        options["password"] = address.password
    # Once more when a connection was closed while it lay idle. Not after a time-out: it may have been done.
    retry = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    if address.sentinels:
        return _primary(address.sentinels, options | {"retry": retry})
    client = Redis.from_url(address.url, retry=retry, single_connection_client=single, **options)
    if client.info("cluster").get("cluster_enabled"):
        client.close()
        return RedisCluster.from_url(address.url, **options)
    return client


def _primary(sentinels: Sentinels, options: dict[str, Any]) -> Any:
    """A client that asks the Sentinels, for each new connection, which server is the primary."""
    from redis.sentinel import Sentinel

    tls = {"ssl": True} if sentinels.tls else {}
    theirs = {name: options[name] for name in ("socket_connect_timeout", "socket_timeout")}
    kind: Any = Sentinel  # published without types
    asked = kind(sentinels.hosts, sentinel_kwargs=theirs | tls)
    return asked.master_for(sentinels.name, db=sentinels.database, **options, **tls)

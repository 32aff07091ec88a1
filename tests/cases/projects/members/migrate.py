"""Applies what is in migrations/ and has not been applied yet, in the order of the names."""

import os
import time
from pathlib import Path

import psycopg


def apply(connection, path):
    """All of a file or nothing. A lock that is not had at once is asked for again: those who wait for one
    keep everybody behind them waiting."""
    while True:
        try:
            with connection.transaction():
                connection.execute("set local lock_timeout = '500ms'")
                connection.execute(path.read_text())
                connection.execute("insert into migrations (name) values (%s)", [path.name])
            return
        except psycopg.errors.LockNotAvailable:
            time.sleep(0.2)


with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
    connection.execute("select pg_advisory_lock(1)")
    connection.execute("create table if not exists migrations (name text primary key)")
    done = {name for (name,) in connection.execute("select name from migrations")}
    for path in sorted(Path("migrations").glob("*.sql")):
        if path.name not in done:
            apply(connection, path)
            print(f"applied {path.name}", flush=True)

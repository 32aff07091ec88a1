"""Users and errands, in SQLite on a volume that both versions have."""

import os
import sqlite3
from contextlib import closing

PATH = os.environ.get("DATABASE", "/data/errands.db")


def _connect():
    connection = sqlite3.connect(PATH, timeout=10, isolation_level=None)
    return closing(connection)


def create():
    with _connect() as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE IF NOT EXISTS users (name TEXT PRIMARY KEY, password TEXT NOT NULL)")
        db.execute("CREATE TABLE IF NOT EXISTS errands (user TEXT NOT NULL, text TEXT NOT NULL)")


def ping():
    with _connect() as db:
        db.execute("SELECT 1 FROM users LIMIT 1")


def password_of(name):
    with _connect() as db:
        row = db.execute("SELECT password FROM users WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def add_user(name, password):
    with _connect() as db:
        db.execute("INSERT INTO users VALUES (?, ?)", (name, password))


def errands_of(name):
    with _connect() as db:
        return [row[0] for row in db.execute("SELECT text FROM errands WHERE user = ?", (name,))]


def add_errand(name, text):
    with _connect() as db:
        db.execute("INSERT INTO errands VALUES (?, ?)", (name, text))

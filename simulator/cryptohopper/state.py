"""What outlives a run of the simulator: when its world began, tokens, and the commands users gave."""

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from simulator.worlds.trader import Command, Kind

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS tokens (
        token TEXT PRIMARY KEY, kind TEXT NOT NULL, user TEXT NOT NULL, client TEXT NOT NULL, scopes TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS commands (
        number INTEGER PRIMARY KEY, hopper TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        value TEXT NOT NULL, amount TEXT NOT NULL
    );
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom a token or a code speaks for, until when (milliseconds)."""

    user: str
    client: str
    scopes: tuple[str, ...]
    expires_at: int


class Kept:
    """A small database in the simulator's folder; each change is on disk before the call returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "state.sqlite3", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.executescript(_SCHEMA)

    def close(self) -> None:
        self._database.close()

    def fact(self, name: str, otherwise: str) -> str:
        """The value kept under a name; ``otherwise`` is kept and returned when there is none."""
        self._database.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, otherwise))
        (value,) = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(value)

    def add_token(self, token: str, kind: str, grant: Grant) -> None:
        self._database.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
            (token, kind, grant.user, grant.client, ",".join(grant.scopes), grant.expires_at),
        )

    def grant_of(self, token: str, kind: str) -> Grant | None:
        row = self._database.execute(
            "SELECT user, client, scopes, expires_at FROM tokens WHERE token = ? AND kind = ?", (token, kind)
        ).fetchone()
        return None if row is None else Grant(row[0], row[1], tuple(row[2].split(",")), row[3])

    def drop_token(self, token: str) -> None:
        self._database.execute("DELETE FROM tokens WHERE token = ?", (token,))

    def drop_tokens_of(self, user: str) -> None:
        self._database.execute("DELETE FROM tokens WHERE user = ?", (user,))

    def add_command(self, hopper: str, command: Command) -> None:
        self._database.execute(
            "INSERT INTO commands (hopper, at, kind, value, amount) VALUES (?, ?, ?, ?, ?)",
            (hopper, command.at, command.kind, command.value, command.amount),
        )

    def commands(self) -> list[tuple[str, Command]]:
        """Every command given so far with its hopper, in the order given."""
        rows = self._database.execute("SELECT hopper, at, kind, value, amount FROM commands ORDER BY number")
        return [(hopper, Command(at, cast(Kind, kind), value, amount)) for hopper, at, kind, value, amount in rows]

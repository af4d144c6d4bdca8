"""What outlives a run of the simulator: when its world began, tokens, and the commands users gave."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from simulator.worlds.commands import Command, Effect, Kind

_STEPS = (
    """
    CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS tokens (
        token TEXT PRIMARY KEY, kind TEXT NOT NULL, user TEXT NOT NULL, client TEXT NOT NULL, scopes TEXT NOT NULL,
        expires_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS commands (
        number INTEGER PRIMARY KEY, hopper TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        value TEXT NOT NULL, amount TEXT NOT NULL
    );
    """,
    """
    ALTER TABLE tokens ADD COLUMN family TEXT NOT NULL DEFAULT '';
    UPDATE tokens SET family = token;
    CREATE INDEX tokens_family ON tokens (family);
    ALTER TABLE commands ADD COLUMN delay INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE commands ADD COLUMN share REAL NOT NULL DEFAULT 1.0;
    """,
)
"""What each version of the folder adds to the one before."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Whom a token or a code speaks for, until when (milliseconds)."""

    user: str
    client: str
    scopes: tuple[str, ...]
    expires_at: int

    def until(self, expires_at: int) -> "Grant":
        return replace(self, expires_at=expires_at)


@dataclass(frozen=True, slots=True)
class Family:
    """Where a token comes from: tokens of one consent are one family."""

    family: str
    kind: str
    client: str


class Kept:
    """A small database in the simulator's folder; each change is on disk before the call returns."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(folder / "state.sqlite3", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        for number, step in enumerate(_STEPS[version:], version + 1):
            self._database.executescript(f"BEGIN; {step} PRAGMA user_version = {number}; COMMIT;")

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """All changes of the block or none."""
        self._database.execute("BEGIN")
        try:
            yield
        except BaseException:  # whatever ends it, half a change must not stay; nothing is swallowed
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")

    def fact(self, name: str, otherwise: str) -> str:
        """The value kept under a name; ``otherwise`` is kept and returned when there is none."""
        self._database.execute("INSERT OR IGNORE INTO facts VALUES (?, ?)", (name, otherwise))
        (value,) = self._database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(value)

    def set_fact(self, name: str, value: str) -> None:
        self._database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    # ---- tokens ----

    def add_token(self, token: str, kind: str, grant: Grant, family: str) -> None:
        self._database.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?)",
            (token, kind, grant.user, grant.client, ",".join(grant.scopes), grant.expires_at, family),
        )

    def grant_of(self, token: str, kind: str) -> Grant | None:
        row = self._database.execute(
            "SELECT user, client, scopes, expires_at FROM tokens WHERE token = ? AND kind = ?", (token, kind)
        ).fetchone()
        return None if row is None else Grant(row[0], row[1], tuple(row[2].split(",")), row[3])

    def family_of(self, token: str) -> Family | None:
        row = self._database.execute("SELECT family, kind, client FROM tokens WHERE token = ?", (token,)).fetchone()
        return None if row is None else Family(*row)

    def shorten(self, token: str, expires_at: int) -> None:
        """Let a token expire at that instant, if it does not do so before."""
        self._database.execute("UPDATE tokens SET expires_at = min(expires_at, ?) WHERE token = ?", (expires_at, token))

    def end_token(self, token: str) -> None:
        self._database.execute("DELETE FROM tokens WHERE token = ?", (token,))

    def end_family(self, family: str, kind: str | None = None) -> None:
        """End the tokens of one consent, or those of a kind among them."""
        self._database.execute("DELETE FROM tokens WHERE family = ? AND kind = coalesce(?, kind)", (family, kind))

    def end_tokens_of(self, user: str) -> None:
        self._database.execute("DELETE FROM tokens WHERE user = ?", (user,))

    # ---- commands ----

    def add_command(self, hopper: str, command: Command) -> None:
        effect = command.effect
        self._database.execute(
            "INSERT INTO commands (hopper, at, kind, value, amount, delay, share) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (hopper, command.at, command.kind, command.value, command.amount, effect.delay, effect.share),
        )

    def commands(self) -> list[tuple[str, Command]]:
        """Every command given so far with its hopper, in the order given."""
        rows = self._database.execute(
            "SELECT hopper, at, kind, value, amount, delay, share FROM commands ORDER BY number"
        )
        return [
            (hopper, Command(at, cast(Kind, kind), value, amount, Effect(delay, share)))
            for hopper, at, kind, value, amount, delay, share in rows
        ]

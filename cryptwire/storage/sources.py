"""Table ``sources``: how those do whom we ask about the world. The only module that knows its columns."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptwire.storage.database import Database

_NAMES = ("asked_at", "read_at", "failures", "said", "not_before", "etag", "modified")
_OF = f"SELECT {', '.join(_NAMES)} FROM sources WHERE source = $1"  # noqa: S608 - columns of ours
_ALL = f"SELECT source, {', '.join(_NAMES)} FROM sources ORDER BY source"  # noqa: S608
_READ = """
    INSERT INTO sources (source, asked_at, read_at, etag, modified) VALUES ($1, $2, $2, $3, $4)
    ON CONFLICT (source) DO UPDATE
       SET asked_at = excluded.asked_at, read_at = excluded.read_at, etag = excluded.etag, modified = excluded.modified,
           failures = 0, said = '', not_before = NULL
"""
_FAILED = """
    INSERT INTO sources (source, asked_at, failures, said, not_before)
    VALUES ($1, $2::timestamptz, 1, $3, $2::timestamptz + $4::interval)
    ON CONFLICT (source) DO UPDATE
       SET asked_at = excluded.asked_at, failures = sources.failures + 1, said = excluded.said,
           not_before = excluded.not_before
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one stands with a source; ``failures`` in a row, ``etag`` and ``modified`` of what was last read."""

    asked_at: datetime | None = None
    read_at: datetime | None = None
    failures: int = 0
    said: str = ""
    not_before: datetime | None = None
    etag: str | None = None
    modified: str | None = None


class Sources:
    """What is remembered of each source between two questions. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, source: str) -> Source:
        row = await self._database.row(_OF, source)
        return Source() if row is None else Source(**dict(row))

    async def all(self) -> dict[str, Source]:
        """Everybody who was ever asked, by name."""
        return {
            row["source"]: Source(**{name: row[name] for name in _NAMES}) for row in await self._database.fetch(_ALL)
        }

    async def read(self, source: str, at: datetime, etag: str | None = None, modified: str | None = None) -> None:
        """It answered."""
        await self._database.execute(_READ, source, at, etag, modified)

    async def failed(self, source: str, at: datetime, said: str, pause: timedelta) -> None:
        """It did not, and is left alone for ``pause``."""
        await self._database.execute(_FAILED, source, at, said[:500], pause)

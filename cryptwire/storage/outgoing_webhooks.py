"""Table ``outgoing_webhooks``: the only module that knows its columns."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Connection, Database

_SHOWN = "user_id::text, url, created_at, failing_since, off_at, tried_at, answer"
_OF = f"SELECT {_SHOWN} FROM outgoing_webhooks WHERE user_id = $1::text::uuid"  # noqa: S608 - columns of ours
_PUT = """
    INSERT INTO outgoing_webhooks (user_id, url, sealed_secret) VALUES ($1::text::uuid, $2, $3)
    ON CONFLICT (user_id) DO UPDATE
       SET url = $2, sealed_secret = $3, created_at = now(), failing_since = NULL, off_at = NULL, tried_at = NULL,
           answer = ''
"""
_END = "DELETE FROM outgoing_webhooks WHERE user_id = $1::text::uuid"
_OPEN = "SELECT url, sealed_secret, off_at FROM outgoing_webhooks WHERE user_id = $1::text::uuid"
_TOOK = """
    UPDATE outgoing_webhooks SET failing_since = NULL, off_at = NULL, tried_at = now(), answer = $3
     WHERE user_id = $1::text::uuid AND url = $2
"""
_REFUSED = """
    UPDATE outgoing_webhooks SET failing_since = coalesce(failing_since, now()), tried_at = now(), answer = $3
     WHERE user_id = $1::text::uuid AND url = $2
    RETURNING now() - failing_since AS failing, off_at
"""
_OFF = """
    UPDATE outgoing_webhooks SET off_at = now()
     WHERE user_id = $1::text::uuid AND url = $2 AND off_at IS NULL AND failing_since IS NOT NULL
    RETURNING off_at
"""
_AT_WORK = "SELECT user_id::text FROM outgoing_webhooks WHERE user_id = ANY($1::text[]::uuid[]) AND off_at IS NULL"


@dataclass(frozen=True, slots=True)
class OutgoingWebhook:
    """A user's webhook as it stands. ``failing_since`` is None while the newest call was taken."""

    url: str
    created_at: datetime
    failing_since: datetime | None
    off_at: datetime | None
    tried_at: datetime | None
    answer: str


@dataclass(frozen=True, slots=True)
class Target:
    """Where a call goes, and the secret that signs it, sealed."""

    url: str
    sealed_secret: bytes = field(repr=False)
    is_off: bool


class OutgoingWebhooks:
    """Where users' own programs hear of notices. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, user: UserId) -> OutgoingWebhook | None:
        """A user's; None when he has none."""
        row = await self._database.row(_OF, user)
        if row is None:
            return None
        return OutgoingWebhook(
            row["url"], row["created_at"], row["failing_since"], row["off_at"], row["tried_at"], row["answer"]
        )

    async def put(self, user: UserId, url: str, sealed_secret: bytes) -> None:
        """A user's only webhook is this one from now on, and it is on."""
        await self._database.execute(_PUT, user, url, sealed_secret)

    async def end(self, user: UserId) -> bool:
        """Whether there was one; now there is none."""
        return await self._database.execute(_END, user) == "DELETE 1"

    async def target(self, user: UserId) -> Target | None:
        """Where a user's calls go. Only the processor may read this."""
        row = await self._database.row(_OPEN, user)
        return None if row is None else Target(row["url"], bytes(row["sealed_secret"]), row["off_at"] is not None)

    async def took(self, user: UserId, url: str, answer: str) -> None:
        """A call was taken: it is on again, whatever was before."""
        await self._database.execute(_TOOK, user, url, answer)

    async def refused(self, user: UserId, url: str, answer: str) -> timedelta | None:
        """A call was not taken: since how long that goes on; None when it is off already, or another by now."""
        row = await self._database.row(_REFUSED, user, url, answer)
        return None if row is None or row["off_at"] is not None else row["failing"]


async def turn_off(connection: Connection, user: UserId, url: str) -> datetime | None:
    """Nothing is sent to it any more, since when; None when it is off already, works, or is another by now."""
    moment: datetime | None = await connection.fetchval(_OFF, user, url)
    return moment


async def at_work(connection: Connection, users: Sequence[UserId]) -> set[UserId]:
    """Those of ``users`` who have a webhook that is on."""
    return {UserId(row["user_id"]) for row in await connection.fetch(_AT_WORK, list(users))}

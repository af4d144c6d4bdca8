"""Table ``deliveries``: which notice goes by which channel, and what became of it. The only module that knows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from cryptwire.domain.hopper import UserId
from cryptwire.storage.database import Connection, Database

_ADD = """
    INSERT INTO deliveries (notice_id, user_id, channel, state, likeness, mail_id)
    VALUES ($1, $2::text::uuid, $3, $4, $5, $6::text::uuid)
    ON CONFLICT DO NOTHING
"""
# What was mailed lately: of the quiet classes each mail counts, however many notices are in it.
_MAILED = """
    SELECT d.user_id::text,
           count(DISTINCT d.mail_id) FILTER (WHERE n.class IN ('info', 'data-problem')) AS mails,
           array_agg(DISTINCT d.likeness) FILTER (WHERE d.routed_at > now() - $3::interval) AS likenesses
      FROM deliveries d JOIN notices n USING (notice_id)
     WHERE d.user_id = ANY($1::text[]::uuid[]) AND d.channel = 'mail' AND d.mail_id IS NOT NULL
       AND d.routed_at > now() - greatest($2::interval, $3::interval)
     GROUP BY d.user_id
"""
_HOLDERS = "SELECT DISTINCT user_id::text FROM deliveries WHERE state = 'held' AND user_id IS NOT NULL"
_RELEASE = """
    UPDATE deliveries SET state = 'due', mail_id = $2::text::uuid, routed_at = now()
     WHERE notice_id = ANY($1::bigint[]) AND channel = 'mail' AND state = 'held'
"""
_INSTEAD = """
    INSERT INTO deliveries (notice_id, user_id, channel, state, likeness)
    SELECT d.notice_id, d.user_id, 'webhook', 'due', d.likeness
      FROM deliveries d JOIN notices n USING (notice_id) JOIN outgoing_webhooks w ON w.user_id = d.user_id
     WHERE d.mail_id = $1::text::uuid AND n.class IN ('action', 'failure') AND w.off_at IS NULL
    ON CONFLICT DO NOTHING
"""
_MAIL_OVER = """
    UPDATE deliveries SET state = $2, tries = $3, said = $4, done_at = now()
     WHERE mail_id = $1::text::uuid AND state = 'due'
"""
_TAKE = """
    UPDATE deliveries SET tries = tries + 1, due_at = now() + $1::interval
     WHERE delivery_id = (SELECT delivery_id FROM deliveries
                           WHERE channel = 'webhook' AND state = 'due' AND due_at <= now()
                             AND user_id <> ALL($2::text[]::uuid[])
                           ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING delivery_id::text, notice_id, user_id::text, tries, now() - added_at AS age
"""
_AGAIN = """
    UPDATE deliveries SET due_at = now() + $2::interval, said = $3 WHERE delivery_id = $1::text::uuid AND state = 'due'
"""
_END = """
    UPDATE deliveries SET state = $2, said = $3, done_at = now() WHERE delivery_id = $1::text::uuid AND state = 'due'
"""
_END_ALL = """
    UPDATE deliveries SET state = 'failed', said = $2, done_at = now()
     WHERE user_id = $1::text::uuid AND channel = 'webhook' AND state = 'due'
"""
# Actions and failures that by now have gone by no channel: their mail was not wanted, and the webhook is no more.
_STRANDED = """
    SELECT n.notice_id FROM deliveries w JOIN notices n USING (notice_id)
     WHERE w.user_id = $1::text::uuid AND w.channel = 'webhook' AND w.state IN ('due', 'failed')
       AND w.added_at > now() - $2::interval AND n.class IN ('action', 'failure')
       AND NOT EXISTS (SELECT FROM deliveries m WHERE m.notice_id = w.notice_id AND m.channel = 'mail')
     ORDER BY n.notice_id
"""
_OVER = """
    DELETE FROM deliveries WHERE delivery_id IN (
        SELECT delivery_id FROM deliveries
         WHERE added_at < now() - $1::interval AND state IN ('sent', 'failed') LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A notice that is to be sent to its user's webhook, for the ``tries``-th time, ``age`` after it was due first."""

    id: str
    notice: int
    user: UserId
    tries: int
    age: timedelta


@dataclass(frozen=True, slots=True)
class Mailed:
    """What a user was mailed lately: how many mails of the quiet classes, and what was like what."""

    mails: int
    likenesses: frozenset[str]


class Deliveries:
    """Notices on their way. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, lease: timedelta, busy: Sequence[UserId]) -> Taken | None:
        """A call that is due, to none of the users ``busy``; nobody else gets it within ``lease``."""
        row = await self._database.row(_TAKE, lease, list(busy))
        if row is None:
            return None
        return Taken(row["delivery_id"], row["notice_id"], UserId(row["user_id"]), row["tries"], row["age"])

    async def again(self, taken: Taken, after: timedelta, said: str) -> None:
        """It was not taken; it is due again ``after`` now."""
        await self._database.execute(_AGAIN, taken.id, after, said)

    async def end(self, taken: Taken, state: str, said: str) -> None:
        """It was ``sent``, or has ``failed`` for good."""
        await self._database.execute(_END, taken.id, state, said)

    async def forget(self, after: timedelta, most: int) -> int:
        """Delete ``most`` of those that are over and older than ``after``; how many it were."""
        return int((await self._database.execute(_OVER, after, most)).split()[1])


async def add(
    connection: Connection, notice: int, user: UserId | None, channel: str, state: str, likeness: str, mail: str | None
) -> None:
    """``notice`` goes by ``channel``, in the mail ``mail`` if it is one."""
    await connection.execute(_ADD, notice, user, channel, state, likeness, mail)


async def mailed(
    connection: Connection, users: Sequence[UserId], lately: timedelta, alike: timedelta
) -> dict[UserId, Mailed]:
    """What each of ``users`` was mailed in the last ``lately``, and of what likeness in the last ``alike``."""
    rows = await connection.fetch(_MAILED, list(users), lately, alike)
    return {UserId(row["user_id"]): Mailed(row["mails"], frozenset(row["likenesses"] or ())) for row in rows}


async def holders(connection: Connection) -> list[UserId]:
    """Users for whom something is held back."""
    return [UserId(row["user_id"]) for row in await connection.fetch(_HOLDERS)]


async def release(connection: Connection, notices: Sequence[int], mail: str) -> None:
    """What was held back goes with ``mail``."""
    await connection.execute(_RELEASE, list(notices), mail)


async def mail_over(connection: Connection, mail: str, state: str, tries: int, said: str) -> None:
    """What went with ``mail`` is ``sent``, or has ``failed``."""
    await connection.execute(_MAIL_OVER, mail, state, tries, said)


async def call_instead(connection: Connection, mail: str) -> None:
    """Actions and failures that went with ``mail``, which nobody takes, go to their user's webhook, if it is on."""
    await connection.execute(_INSTEAD, mail)


async def end_webhook(connection: Connection, user: UserId, said: str, within: timedelta) -> list[int]:
    """Nothing goes to a user's webhook any more; actions and failures of ``within`` that have gone by no other way."""
    stranded = [row["notice_id"] for row in await connection.fetch(_STRANDED, user, within)]
    await connection.execute(_END_ALL, user, said)
    return stranded

"""Table ``share_links``: the only module that knows its columns.

A link's token is shown once, when it is made; the table holds its SHA-256.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
import orjson

from cryptwire.domain.day_range import range_json, range_of
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.domain.share import Share, ShareId, SharePart
from cryptwire.errors import Refused
from cryptwire.storage import users
from cryptwire.storage.database import Database
from cryptwire.storage.sessions import hash_of

MOST_LINKS = 50
"""Of one user, that go on."""
MOST_SHOWN = 100
_COLUMNS = """l.link_id::text, l.user_id::text, l.title, l.hoppers, l.parts, l.days, l.currency, l.is_masked,
       l.shows_names, l.created_at, l.expires_at, l.revoked_at, l.views, l.viewed_at"""
_GOES_ON = "l.revoked_at IS NULL AND l.expires_at > now()"
_COUNT = f"SELECT count(*) FROM share_links l WHERE l.user_id = $1::text::uuid AND {_GOES_ON}"  # noqa: S608
_ADD = f"""
    INSERT INTO share_links AS l
           (user_id, token_hash, title, hoppers, parts, days, currency, is_masked, shows_names, expires_at)
    VALUES ($1::text::uuid, $2, $3, $4, $5, $6::text::json, $7, $8, $9, $10) RETURNING {_COLUMNS}
"""  # noqa: S608 - columns of ours
_OF_USER = f"""
    SELECT {_COLUMNS} FROM share_links l WHERE l.user_id = $1::text::uuid
     ORDER BY ({_GOES_ON}) DESC, l.created_at DESC, l.link_id LIMIT {MOST_SHOWN}
"""  # noqa: S608
_BY_TOKEN = f"""
    SELECT {_COLUMNS}, plan_now(u.plan, u.plan_until) AS plan FROM share_links l JOIN users u USING (user_id)
     WHERE l.token_hash = $1 AND {_GOES_ON} AND u.deletion_asked_at IS NULL
"""  # noqa: S608
_REVOKE = f"""
    UPDATE share_links l SET revoked_at = now()
     WHERE l.user_id = $1::text::uuid AND l.link_id = $2::text::uuid AND {_GOES_ON}
"""  # noqa: S608
_VIEWED = """
    UPDATE share_links l SET views = l.views + v.views, viewed_at = greatest(l.viewed_at, v.at)
      FROM unnest($1::text[]::uuid[], $2::bigint[], $3::timestamptz[]) AS v (link_id, views, at)
     WHERE l.link_id = v.link_id
"""
_OVER = """
    DELETE FROM share_links WHERE link_id IN (
        SELECT link_id FROM share_links WHERE least(revoked_at, expires_at) < now() - $1::interval LIMIT $2)
"""


@dataclass(frozen=True, slots=True)
class ShareLink:
    """A link as it was made; ``views`` and ``viewed_at`` about, as they are written down now and then."""

    id: ShareId
    user: UserId
    share: Share
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    views: int
    viewed_at: datetime | None


class ShareLinks:
    """Links of every user. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, user: UserId, share: Share, expires_at: datetime) -> tuple[ShareLink, str]:
        """A new link, and its token, which is nowhere else. Raises Refused when the user has too many."""
        token = secrets.token_urlsafe(32)
        async with self._database.transaction() as connection:
            await users.lock_within(connection, user)
            if await connection.fetchval(_COUNT, user) >= MOST_LINKS:
                raise Refused(f"you have {MOST_LINKS} links, which is the most; revoke one first")
            row = await connection.fetchrow(
                _ADD,
                user,
                hash_of(token),
                share.title,
                list(share.hoppers),
                sorted(part.value for part in share.parts),
                orjson.dumps(range_json(share.days)).decode(),
                share.currency,
                share.is_masked,
                share.shows_names,
                expires_at,
            )
        assert row is not None
        return _link(row), token

    async def of_user(self, user: UserId) -> list[ShareLink]:
        """A user's, those that go on first, the newest of them first; 100 at most."""
        return [_link(row) for row in await self._database.fetch(_OF_USER, user)]

    async def by_token(self, token: str) -> tuple[ShareLink, str] | None:
        """The link with this token, and its user's plan of this moment.

        None when there is none, it has ended, or its user is leaving: by one statement, so that none of these takes
        another time than the others.
        """
        row = await self._database.row(_BY_TOKEN, hash_of(token))
        return None if row is None else (_link(row), row["plan"])

    async def revoke(self, user: UserId, link: ShareId) -> bool:
        """End one of a user's; False when it was none that goes on."""
        return await self._database.execute(_REVOKE, user, link) == "UPDATE 1"

    async def viewed(self, views: Mapping[ShareId, tuple[int, datetime]]) -> None:
        """Write down how often links were looked at since the last time, and when last."""
        counts, moments = zip(*views.values(), strict=True)
        await self._database.execute(_VIEWED, list(views), list(counts), list(moments))


def _link(row: asyncpg.Record) -> ShareLink:
    known = {part.value: part for part in SharePart}
    share = Share(
        row["title"],
        tuple(HopperId(hopper) for hopper in row["hoppers"]),
        frozenset(known[part] for part in row["parts"] if part in known),
        range_of(orjson.loads(row["days"])),
        row["currency"],
        row["is_masked"],
        row["shows_names"],
    )
    return ShareLink(
        ShareId(row["link_id"]),
        UserId(row["user_id"]),
        share,
        row["created_at"],
        row["expires_at"],
        row["revoked_at"],
        row["views"],
        row["viewed_at"],
    )


async def forget(database: Database, after: timedelta, most: int) -> int:
    """Delete those that ended longer than ``after`` ago; how many it were, ``most`` at most."""
    return int((await database.execute(_OVER, after, most)).split()[1])

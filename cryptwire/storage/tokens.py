"""Tables ``custody.tokens``, ``.hoppers`` and ``.link_requests``: the only module that knows their columns.

Only the gateway's role can read them. Nothing in here can open what it stores. Leases and expiry of link requests go by
the database's clock, which all gateways share.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

import asyncpg

from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.storage.database import Connection, Database

_COLUMNS = """
    user_id::text, wrapped_key, master_key, nonce, sealed, scopes, expires_at, is_revoked, linked_at, refreshed_at,
    renewing_at, renewing_until, coalesce(renewing_until > clock_timestamp(), false) AS is_renewing
"""
_OF = f"SELECT {_COLUMNS} FROM custody.tokens WHERE user_id = $1::text::uuid"  # noqa: S608 - columns of ours
_HOLD = f"{_OF} FOR UPDATE"
_INSERT = """
    INSERT INTO custody.tokens (user_id, wrapped_key, master_key, nonce, sealed, scopes, expires_at, linked_at)
    VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT DO NOTHING RETURNING 1
"""
_REPLACE = """
    UPDATE custody.tokens
       SET wrapped_key = $2, master_key = $3, nonce = $4, sealed = $5, scopes = $6, expires_at = $7, linked_at = $8,
           is_revoked = false, refreshed_at = NULL, renewing_at = NULL, renewing_until = NULL
     WHERE user_id = $1::text::uuid
"""
_CLAIM = f"""
    UPDATE custody.tokens
       SET renewing_at = coalesce(renewing_at, clock_timestamp()), renewing_until = clock_timestamp() + $3
     WHERE user_id = $1::text::uuid AND nonce = $2 AND NOT is_revoked
       AND (renewing_until IS NULL OR renewing_until <= clock_timestamp())
    RETURNING {_COLUMNS}
"""  # noqa: S608 - columns of ours
_RELEASE = """
    UPDATE custody.tokens SET renewing_until = clock_timestamp()
     WHERE user_id = $1::text::uuid AND nonce = $2 AND renewing_until = $3
"""
_RENEW = """
    UPDATE custody.tokens
       SET wrapped_key = $2, master_key = $3, nonce = $4, sealed = $5, scopes = $6, expires_at = $7,
           refreshed_at = $8, is_revoked = false, renewing_at = NULL, renewing_until = NULL
     WHERE user_id = $1::text::uuid AND nonce = $9
    RETURNING 1
"""
_REVOKE = """
    UPDATE custody.tokens SET is_revoked = true, renewing_at = NULL, renewing_until = NULL
     WHERE user_id = $1::text::uuid AND nonce = $2 AND renewing_until = $3
    RETURNING 1
"""
_IN_DOUBT = """
    SELECT user_id::text FROM custody.tokens
     WHERE renewing_until <= clock_timestamp() ORDER BY renewing_until LIMIT $1
"""
_UNLINK = f"DELETE FROM custody.tokens WHERE user_id = $1::text::uuid RETURNING {_COLUMNS}"  # noqa: S608 - the same

_BEGIN = """
    INSERT INTO custody.link_requests
           (state_hash, user_id, redirect_uri, wrapped_key, master_key, nonce, sealed, expires_at)
    VALUES ($1, $2::text::uuid, $3, $4, $5, $6, $7, clock_timestamp() + $8)
"""
_MAKE_ROOM = """
    DELETE FROM custody.link_requests
     WHERE user_id = $1::text::uuid AND used_at IS NULL AND state_hash NOT IN (
           SELECT state_hash FROM custody.link_requests WHERE user_id = $1::text::uuid
            ORDER BY expires_at DESC LIMIT $2)
"""
_USE = """
    UPDATE custody.link_requests SET used_at = clock_timestamp()
     WHERE state_hash = $1 AND user_id = $2::text::uuid AND used_at IS NULL AND expires_at > clock_timestamp()
    RETURNING state_hash, user_id::text, redirect_uri, wrapped_key, master_key, nonce, sealed
"""
_END = "DELETE FROM custody.link_requests WHERE state_hash = $1 AND user_id = $2::text::uuid RETURNING 1"
_END_ALL = "DELETE FROM custody.link_requests WHERE user_id = $1::text::uuid"
_CLEAN = "DELETE FROM custody.link_requests WHERE expires_at < clock_timestamp() - $1::interval"

_GENERATION = "SELECT generation FROM custody.hoppers WHERE user_id = $1::text::uuid AND hopper_id = $2"
_GENERATIONS = """
    SELECT coalesce(string_agg(hopper_id || ' ' || generation, ',' ORDER BY hopper_id), '') FROM custody.hoppers
     WHERE user_id = $1::text::uuid
"""
_OUTDATE = """
    UPDATE custody.hoppers SET generation = generation + 1 WHERE user_id = $1::text::uuid AND hopper_id = $2
"""
_FORGET = "DELETE FROM custody.hoppers WHERE user_id = $1::text::uuid AND NOT hopper_id = ANY($2::text[])"
_REMEMBER = """
    INSERT INTO custody.hoppers (user_id, hopper_id, generation)
    SELECT user_id, unnest($2::text[]), extract(epoch FROM clock_timestamp()) * 1000000
      FROM custody.tokens WHERE user_id = $1::text::uuid
    ON CONFLICT DO NOTHING
"""

Table = Literal["tokens", "link_requests"]
_WRAPPED: dict[Table, str] = {
    "tokens": """
        SELECT user_id::text, user_id::text AS place, master_key, wrapped_key FROM custody.tokens
         WHERE master_key <> $1 AND user_id > coalesce($2::text, '00000000-0000-0000-0000-000000000000')::uuid
         ORDER BY custody.tokens.user_id LIMIT $3
    """,
    "link_requests": """
        SELECT user_id::text, encode(state_hash, 'hex') AS place, master_key, wrapped_key FROM custody.link_requests
         WHERE master_key <> $1 AND state_hash > decode(coalesce($2::text, ''), 'hex')
         ORDER BY state_hash LIMIT $3
    """,
}
_REWRAP: dict[Table, str] = {
    "tokens": """
        UPDATE custody.tokens SET master_key = $3, wrapped_key = $4
         WHERE user_id = $1::text::uuid AND wrapped_key = $2 RETURNING 1
    """,
    "link_requests": """
        UPDATE custody.link_requests SET master_key = $3, wrapped_key = $4
         WHERE state_hash = decode($1::text, 'hex') AND wrapped_key = $2 RETURNING 1
    """,
}
_PAGE = 200
_REQUESTS = 8  # of one user


@dataclass(frozen=True, slots=True)
class SealedToken:
    """A user's tokens as they are stored: who has no master key cannot open them.

    ``linked_at`` tells one link from the next, ``nonce`` one sealing; ``refreshed_at`` is None until the first renewal.
    ``renewing_at``: a renewal was begun then and its end is not known; until ``renewing_until`` it is left to who began
    it, and ``is_renewing`` tells whether that is still to come.
    """

    user: UserId
    wrapped_key: bytes = field(repr=False)
    master_key: str
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: datetime
    is_revoked: bool
    linked_at: datetime
    refreshed_at: datetime | None
    renewing_at: datetime | None = None
    renewing_until: datetime | None = None
    is_renewing: bool = False


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """A user's consent that was asked for: where the answer goes, and PKCE's verifier, sealed."""

    state_hash: bytes = field(repr=False)
    user: UserId
    redirect_uri: str
    wrapped_key: bytes = field(repr=False)
    master_key: str
    nonce: bytes = field(repr=False)
    sealed: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key as it is stored: in which table, at which place."""

    table: Table
    place: str
    user: UserId
    master_key: str
    wrapped_key: bytes = field(repr=False)


class Tokens:
    """The sealed tokens of every linked user, which hoppers these have, and links that are being made."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def answer(self) -> None:
        """Return when the database answers; raises Unavailable."""
        await self._database.value("SELECT 1")

    async def of(self, user: UserId) -> SealedToken | None:
        """A user's tokens, if the account was ever linked."""
        row = await self._database.row(_OF, user)
        return None if row is None else _token(row)

    # ---- link ----

    async def begin_link(self, request: LinkRequest, lives: timedelta) -> None:
        """Keep a request for ``lives``, the last few of each user. Raises Invalid when there is no such user."""
        async with self._database.transaction() as connection:
            await connection.execute(
                _BEGIN,
                request.state_hash,
                request.user,
                request.redirect_uri,
                request.wrapped_key,
                request.master_key,
                request.nonce,
                request.sealed,
                lives,
            )
            await connection.execute(_MAKE_ROOM, request.user, _REQUESTS)

    async def use_request(self, state_hash: bytes, user: UserId) -> LinkRequest | None:
        """A user's request, for the one who asks first; None when it is another's, used, expired or was never made."""
        row = await self._database.row(_USE, state_hash, user)
        if row is None:
            return None
        return LinkRequest(
            row["state_hash"],
            UserId(row["user_id"]),
            row["redirect_uri"],
            row["wrapped_key"],
            row["master_key"],
            row["nonce"],
            row["sealed"],
        )

    async def link(self, token: SealedToken, state_hash: bytes) -> tuple[bool, SealedToken | None]:
        """Keep the tokens of a new link in place of any older, and forget what hoppers that had.

        Whether they are kept (not when the request is gone: the user was unlinked meanwhile), and the older ones.
        """
        async with self._database.transaction() as connection:
            if await connection.fetchval(_END, state_hash, token.user) is None:
                return False, None
            older = None
            if await connection.fetchval(_INSERT, *_values(token), token.linked_at) is None:
                row = await connection.fetchrow(_HOLD, token.user)
                older = None if row is None else _token(row)
                await connection.execute(_REPLACE, *_values(token), token.linked_at)
            await connection.execute(_FORGET, token.user, [])
            return True, older

    async def unlink(self, user: UserId) -> SealedToken | None:
        """Destroy what is kept of a user: tokens, hoppers, requests; the tokens as they were."""
        async with self._database.transaction() as connection:
            await connection.execute(_END_ALL, user)  # first, as ``link`` does it: each waits for the other
            row = await connection.fetchrow(_UNLINK, user)
            return None if row is None else _token(row)

    async def clean_requests(self, after: timedelta) -> None:
        """Delete link requests that expired ``after`` ago and earlier."""
        await self._database.execute(_CLEAN, after)

    # ---- renewal ----

    async def claim(self, token: SealedToken, lease: timedelta) -> SealedToken | None:
        """Note, before anything is sent, that these tokens are being renewed; None when others are at it or were."""
        row = await self._database.row(_CLAIM, token.user, token.nonce, lease)
        return None if row is None else _token(row)

    async def release(self, claimed: SealedToken) -> None:
        """Leave a renewal to whoever comes next: its end is not known."""
        await self._database.execute(_RELEASE, claimed.user, claimed.nonce, claimed.renewing_until)

    async def renew(self, old: SealedToken, fresh: SealedToken) -> bool:
        """Put ``fresh`` in the place of ``old``; False when that is not what is stored any more."""
        values = (*_values(fresh), fresh.refreshed_at, old.nonce)
        return await self._database.value(_RENEW, *values) is not None

    async def revoke(self, claimed: SealedToken) -> bool:
        """Note that upstream refuses them: link again. False when that is not what is stored any more."""
        values = (claimed.user, claimed.nonce, claimed.renewing_until)
        return await self._database.value(_REVOKE, *values) is not None

    async def in_doubt(self, limit: int) -> list[UserId]:
        """Whose renewal was begun and is nobody's any more, the longest first."""
        return [UserId(row["user_id"]) for row in await self._database.fetch(_IN_DOUBT, limit)]

    # ---- master keys ----

    async def wrapped_by_others(self, master_key: str) -> AsyncIterator[Wrapped]:
        """Every data key that was wrapped by another master key than this."""
        for table, query in _WRAPPED.items():
            place: str | None = None
            while rows := await self._database.fetch(query, master_key, place, _PAGE):
                for row in rows:
                    place = row["place"]
                    yield Wrapped(table, row["place"], UserId(row["user_id"]), row["master_key"], row["wrapped_key"])

    async def rewrap(self, old: Wrapped, master_key: str, wrapped_key: bytes) -> bool:
        """Put a data key wrapped anew in the place of ``old``; False when that is not what is stored any more."""
        values = (old.place, old.wrapped_key, master_key, wrapped_key)
        return await self._database.value(_REWRAP[old.table], *values) is not None

    # ---- hoppers ----

    async def generation(self, user: UserId, hopper: HopperId) -> int | None:
        """A number that grows with each action on a hopper and each link; None when the hopper is not this user's."""
        found: int | None = await self._database.value(_GENERATION, user, hopper)
        return found

    async def generations(self, user: UserId) -> str:
        """What changes when any generation of a user's hoppers does, or which hoppers he has."""
        return str(await self._database.value(_GENERATIONS, user))

    async def keep_hoppers(self, user: UserId, hoppers: Sequence[HopperId]) -> None:
        """These are all of a user's hoppers now."""
        async with self._database.transaction() as connection:
            await connection.execute(_FORGET, user, list(hoppers))
            await connection.execute(_REMEMBER, user, list(hoppers))


async def outdate(connection: Connection, user: UserId, hopper: HopperId) -> bool:
    """Add one to a hopper's generation in the transaction of ``connection``; False when it is not this user's."""
    return await connection.execute(_OUTDATE, user, hopper) == "UPDATE 1"


def _values(token: SealedToken) -> tuple[object, ...]:
    return (
        token.user,
        token.wrapped_key,
        token.master_key,
        token.nonce,
        token.sealed,
        list(token.scopes),
        token.expires_at,
    )


def _token(row: asyncpg.Record) -> SealedToken:
    return SealedToken(
        UserId(row["user_id"]),
        row["wrapped_key"],
        row["master_key"],
        row["nonce"],
        row["sealed"],
        tuple(row["scopes"]),
        row["expires_at"],
        row["is_revoked"],
        row["linked_at"],
        row["refreshed_at"],
        row["renewing_at"],
        row["renewing_until"],
        row["is_renewing"],
    )

"""Table ``erasures``, and what an erasure does to every other table; what is where, own_data.py says.

Each step is one transaction and may be repeated: an erasure that was cut off anywhere goes on from its row, which goes
last, when nothing that was on its way can come late any more.
"""

from datetime import timedelta

from cryptwire.domain.erasure import Erasure
from cryptwire.domain.hopper import HopperId, UserId
from cryptwire.storage.database import Database
from cryptwire.storage.own_data import ERASED
from cryptwire.storage.redis import LIVE_KEYS, Redis, our_errors

SWEPT_FOR = timedelta(minutes=15)
"""For so long after the user's row went, rows of his hoppers that come late are erased, too."""

_BEGIN = """
    INSERT INTO erasures AS e (user_id, hoppers)
    SELECT u.user_id, ARRAY(SELECT h.hopper_id FROM hoppers h WHERE h.user_id = u.user_id)
      FROM users u WHERE u.deletion_asked_at IS NOT NULL
    ON CONFLICT (user_id) DO UPDATE
       SET hoppers = ARRAY(SELECT DISTINCT unnest(e.hoppers || excluded.hoppers))
"""
_WAITING = "SELECT user_id::text, hoppers, erased_at IS NOT NULL AS is_erased FROM erasures ORDER BY began_at, user_id"
# an import that is cut off only now may have brought hoppers since: what was theirs is swept later
_UNTRACK = """
    WITH gone AS (DELETE FROM hoppers WHERE user_id = $1::text::uuid RETURNING hopper_id)
    UPDATE erasures SET hoppers = ARRAY(SELECT DISTINCT unnest(hoppers || ARRAY(SELECT hopper_id FROM gone)))
     WHERE user_id = $1::text::uuid
"""
# a hopper that somebody has linked meanwhile is his, and what there is of it, too
_ROWS = """
    DELETE FROM {table} t
     WHERE t.hopper_id = $1 AND NOT EXISTS (SELECT FROM hoppers h WHERE h.hopper_id = t.hopper_id)
"""
_CALLS = "SELECT pseudonymise_calls($1::text::uuid)"
_EMAIL = "SELECT email FROM users WHERE user_id = $1::text::uuid AND deletion_asked_at IS NOT NULL FOR UPDATE"
_SIGN_UPS = "DELETE FROM sign_ups WHERE lower(email) = lower($1)"
_MAILS = """
    DELETE FROM mails
     WHERE lower(address) = lower($1) AND NOT (template = 'account-deleted' AND sent_at IS NULL AND given_up IS NULL)
"""
_USER = "DELETE FROM users WHERE user_id = $1::text::uuid AND deletion_asked_at IS NOT NULL"
_ERASED = "UPDATE erasures SET erased_at = coalesce(erased_at, now()) WHERE user_id = $1::text::uuid"
_OVER = "DELETE FROM erasures WHERE user_id = $1::text::uuid AND erased_at < now() - $2::interval"


class Erasures:
    """Those who are leaving. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def waiting(self) -> list[Erasure]:
        """All of them, those who have just asked included, the first first."""
        await self._database.execute(_BEGIN)
        return [
            Erasure(UserId(row["user_id"]), tuple(map(HopperId, row["hoppers"])), row["is_erased"])
            for row in await self._database.fetch(_WAITING)
        ]

    async def untrack(self, erasure: Erasure) -> None:
        """His hoppers, and with them whatever holds by them: nobody tracks them any more."""
        await self._database.execute(_UNTRACK, erasure.user)

    async def erase_rows(self, erasure: Erasure) -> None:
        """What no reference ties to him; the audit's rows get a pseudonym (R25).

        A kill switch stays: a person turned it, for a hopper that may come back, and only a person turns it off.
        """
        for table in ERASED:
            for hopper in erasure.hoppers:
                await self._database.execute(_ROWS.format(table=table), hopper)
        await self._database.execute(_CALLS, erasure.user)

    async def erase_user(self, erasure: Erasure) -> None:
        """His row, all that refers to it, and what was written to his address; but that the account is deleted."""
        async with self._database.transaction() as connection:
            email = await connection.fetchval(_EMAIL, erasure.user)
            if email is not None:
                await connection.execute(_SIGN_UPS, email)
                await connection.execute(_MAILS, email)
                await connection.execute(_UNTRACK, erasure.user)
                await connection.execute(_USER, erasure.user)
            await connection.execute(_ERASED, erasure.user)

    async def finish(self, erasure: Erasure) -> bool:
        """Forget that he was ever there; False while something may still come late."""
        return await self._database.execute(_OVER, erasure.user, SWEPT_FOR) == "DELETE 1"


class KeptValues:
    """What Redis holds of a user: the accounts of his hoppers, and his rate budget. Raises Unavailable."""

    def __init__(self, redis: Redis, keys: str = LIVE_KEYS) -> None:
        self._redis = redis
        self._keys = keys

    async def erase(self, erasure: Erasure) -> None:
        """All of it."""
        with our_errors():
            if erasure.hoppers:
                async for key in self._redis.scan_iter(match=f"{self._keys}tracker:*:accounts", count=1000):
                    await self._redis.hdel(key, *erasure.hoppers)
            budget = f"{self._keys}budget:{erasure.user}:*"
            names = [key async for key in self._redis.scan_iter(match=budget, count=1000)]
            if names:
                await self._redis.delete(*names)

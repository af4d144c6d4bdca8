"""Table ``backfills``: how far the past of each hopper is filled. The only module that knows its columns."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptwire.domain.backfill import Filling, FillProgress, Grant
from cryptwire.domain.hopper import Hopper, HopperId
from cryptwire.storage.database import Database
from cryptwire.storage.hopper_events import bases
from cryptwire.storage.hoppers import hopper_of

_HOPPER = "h.hopper_id, h.user_id::text, h.name, h.exchange, h.base_currency, h.is_paper, h.refresh_seconds"
_IS_READ = "h.deleted_at IS NULL AND h.unlinked_at IS NULL"
# An import ends with the same filling, once the trades are there.
_UNFILLED = f"""
    SELECT {_HOPPER} FROM hoppers h LEFT JOIN backfills b USING (hopper_id)
     WHERE b.filled_at IS NULL AND {_IS_READ} AND NOT h.hopper_id = ANY($1::text[])
       AND (b.hopper_id IS NULL OR (b.alive_at <= now() - $3::interval AND b.again_at <= now()))
       AND NOT EXISTS (SELECT FROM imports i WHERE i.user_id = h.user_id AND i.finished_at IS NULL)
     ORDER BY h.hopper_id LIMIT $2
"""  # noqa: S608 - columns of ours
_IS_WHOLE = """
    (SELECT count(*) FROM candles c
      WHERE c.hopper_id = b.hopper_id AND c.opened_at >= b.whole_until AND c.opened_at < $1)
    >= extract(epoch FROM $1 - b.whole_until) / 900
"""
_LACKING = f"""
    SELECT {_HOPPER}
      FROM backfills b JOIN hoppers h USING (hopper_id) JOIN users u USING (user_id)
           LEFT JOIN assignments a USING (hopper_id)
     WHERE b.filled_at IS NOT NULL AND {_IS_READ} AND b.alive_at <= now() - $4::interval AND b.again_at <= now()
       AND (a.hopper_id IS NOT NULL AND plan_now(u.plan, u.plan_until) <> 'free') = $3
       AND (NOT {_IS_WHOLE}
            OR EXISTS (SELECT FROM candles c WHERE c.hopper_id = b.hopper_id AND c.quality = 1
                          AND c.opened_at >= greatest($2, b.since) AND c.opened_at < $1))
     ORDER BY h.hopper_id
"""  # noqa: S608
# Ninety days back from the first candle that the live chain has seen, or from now; not before there was a hopper.
_CLAIM = """
    WITH past AS (
        SELECT greatest(least((SELECT min(opened_at) FROM candles WHERE hopper_id = $1), $3) - $4::interval,
                        date_bin('15 minutes', began_at + interval '899.999999 seconds', 'epoch'::timestamptz)) AS since
          FROM hoppers WHERE hopper_id = $1
    ), claimed AS (
        INSERT INTO backfills AS b (hopper_id, since, whole_until, worker, alive_at)
        SELECT $1, since, since, $2, now() FROM past
        ON CONFLICT (hopper_id) DO UPDATE
           SET worker = excluded.worker, alive_at = now(), began_at = now(), done = 0, total = 0
         WHERE b.alive_at <= now() - $5::interval
        RETURNING since, whole_until, filled_at IS NULL AS is_first
    )
    SELECT c.*, a.fence, a.granted_at FROM claimed c LEFT JOIN assignments a ON a.hopper_id = $1
"""
_ALIVE = "UPDATE backfills SET alive_at = now(), done = $3, total = $4 WHERE hopper_id = $1 AND worker = $2"
_FINISH = """
    UPDATE backfills
       SET since = $3, whole_until = $4, filled_at = coalesce(filled_at, now()), done = total, worker = NULL,
           alive_at = '-infinity', again_at = '-infinity', said = $5
     WHERE hopper_id = $1 AND worker = $2
"""
_LET_GO = """
    UPDATE backfills SET worker = NULL, alive_at = '-infinity', again_at = now() + $3::interval, said = $4
     WHERE hopper_id = $1 AND worker = $2
"""
_WHOLE = (
    f"UPDATE backfills b SET whole_until = $1 WHERE b.whole_until < $1::timestamptz - interval '1 day' AND {_IS_WHOLE}"  # noqa: S608
)
_OF_ONE = "SELECT 1 AS hoppers, done, total FROM backfills WHERE hopper_id = $1"
_OF_ALL = f"""
    SELECT count(*) FILTER (WHERE b.filled_at IS NULL) AS hoppers, coalesce(sum(b.done), 0)::bigint AS done,
           coalesce(sum(b.total), 0)::bigint AS total
      FROM hoppers h LEFT JOIN backfills b USING (hopper_id) WHERE {_IS_READ}
"""  # noqa: S608


class Backfills:
    """Who fills which hopper's past, and what is left to fill. Raises Unavailable while the database is away.

    A filling belongs to its ``worker``, a name that is nobody else's, while he was heard of within ``patience``.
    """

    def __init__(self, database: Database, patience: timedelta = timedelta(seconds=60)) -> None:
        self._database = database
        self._patience = patience

    async def unfilled(self, but: Sequence[HopperId], most: int) -> list[Hopper]:
        """Hoppers whose past was never filled and that nobody imports or fills, ``most`` of them, without ``but``."""
        return [hopper_of(row) for row in await self._database.fetch(_UNFILLED, list(but), most, self._patience)]

    async def lacking(self, until: datetime, partial_since: datetime, *, is_tracked: bool) -> list[Hopper]:
        """Hoppers once filled that lack a candle opened before ``until`` or have a partial one since ``partial_since``.

        ``is_tracked``: those that are assigned to a pod and whose plan lets them be; else all others.
        """
        rows = await self._database.fetch(_LACKING, until, partial_since, is_tracked, self._patience)
        return [hopper_of(row) for row in rows]

    async def claim(self, hopper: HopperId, worker: str, end: datetime, reach: timedelta) -> Filling | None:
        """The filling, when it is ``worker``'s now; None while somebody fills this hopper, or when it is gone.

        The first claim decides how far back is filled: ``reach`` from the first candle that there is, or from ``end``.
        """
        row = await self._database.row(_CLAIM, hopper, worker, end, reach, self._patience)
        if row is None:
            return None
        grant = None if row["fence"] is None else Grant(row["fence"], row["granted_at"])
        others = await bases(self._database, [hopper])
        return Filling(row["since"], row["whole_until"], row["is_first"], grant, others.get(hopper, ()))

    async def alive(self, hopper: HopperId, worker: str, done: int, total: int) -> bool:
        """Say that ``worker`` goes on, and how far he is; False when it is not his any more."""
        return await self._database.execute(_ALIVE, hopper, worker, done, total) == "UPDATE 1"

    async def finish(self, hopper: HopperId, worker: str, since: datetime, whole_until: datetime, said: str) -> bool:
        """Every candle of ``[since, whole_until)`` is there; False when it was not his any more."""
        return await self._database.execute(_FINISH, hopper, worker, since, whole_until, said) == "UPDATE 1"

    async def let_go(self, hopper: HopperId, worker: str, again_in: timedelta, said: str) -> None:
        """It is not done; it is tried again after ``again_in`` at the earliest."""
        await self._database.execute(_LET_GO, hopper, worker, again_in, said)

    async def whole(self, until: datetime) -> int:
        """Note, about once a day, which hoppers have all their candles before ``until``; how many were noted."""
        return int((await self._database.execute(_WHOLE, until)).rpartition(" ")[2])

    async def progress(self, hopper: HopperId) -> FillProgress | None:
        """Of the filling of one hopper; None when there is none."""
        row = await self._database.row(_OF_ONE, hopper)
        return None if row is None else FillProgress(row["hoppers"], row["done"], row["total"])

    async def progress_of_all(self) -> FillProgress:
        """Of all hoppers: how many were never filled, and the candles of everybody's last filling."""
        row = await self._database.row(_OF_ALL)
        assert row is not None
        return FillProgress(row["hoppers"], row["done"], row["total"])

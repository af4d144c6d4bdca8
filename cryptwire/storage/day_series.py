"""Table ``daily_statistics`` as columns, for figures over many days; and what hoppers were worth at a moment."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import NamedTuple

import asyncpg
import numpy as np

from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.hopper_days import HopperDays
from cryptwire.storage import hopper_events
from cryptwire.storage.database import Database
from cryptwire.storage.flows import MOVED_WORTH

# of each date the highest version; a day before the range where there is one: returns begin from it
_DAYS = """
    SELECT n.hopper_id, d.*
      FROM unnest($1::text[]) AS n(hopper_id)
     CROSS JOIN LATERAL (
        SELECT array_agg(date - date '1970-01-01') AS days,
               array_agg(extract(epoch FROM begins_at)::bigint) AS begins_at,
               array_agg(extract(epoch FROM ends_at)::bigint) AS ends_at,
               array_agg(currency) AS currency, array_agg(opening) AS opening, array_agg(closing) AS closing,
               array_agg(gap) AS gap, array_agg(is_made_up) AS is_made_up, array_agg(balance) AS balance,
               array_agg(unrealised) AS unrealised, array_agg(free) AS free, array_agg(invested) AS invested,
               array_agg(reserved) AS reserved, array_agg(positions) AS positions
          FROM (SELECT DISTINCT ON (date) * FROM daily_statistics
                 WHERE hopper_id = n.hopper_id AND zone = $2 AND date <= $4
                   AND date >= coalesce((SELECT max(date) FROM daily_statistics
                                          WHERE hopper_id = n.hopper_id AND zone = $2 AND date < $3), $3)
                 ORDER BY date, version DESC) ordered) d
     WHERE d.days IS NOT NULL
"""
_SINCE = MOVED_WORTH.format(hopper="n.hopper_id", since="c.opened_at + interval '15 minutes'", until="n.at")
_THEN = f"""
    SELECT n.number, c.close + {_SINCE} AS value, c.opened_at + interval '15 minutes' AS at
      FROM unnest($1::int[], $2::text[], $3::timestamptz[]) AS n(number, hopper_id, at)
     CROSS JOIN LATERAL (
        SELECT close, opened_at FROM candles c
         WHERE c.hopper_id = n.hopper_id AND c.opened_at <= n.at - interval '15 minutes'
           AND c.opened_at > n.at - interval '1 day'
         ORDER BY c.opened_at DESC LIMIT 1) c
"""  # noqa: S608 - of ours
_UNTIL = "SELECT min(until_at) FROM statistics_progress WHERE hopper_id = ANY($1::text[]) AND zone = $2"


class Worth(NamedTuple):
    """What a hopper was worth, in its own currency, by a candle that ended ``at``."""

    value: float
    at: datetime


class DaySeries:
    """Days of hoppers in columns. Every method raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self, hoppers: Sequence[HopperId], zone: str, since: date, until: date
    ) -> dict[HopperId, HopperDays]:
        """Days from the last one before ``since`` to ``until``, both among them, of those hoppers that have any."""
        rows = await self._database.fetch(_DAYS, list(hoppers), zone, since, until)
        return {HopperId(row["hopper_id"]): _days(row) for row in rows}

    async def computed_until(self, hoppers: Sequence[HopperId], zone: str) -> datetime | None:
        """Until when days of all that have any are there."""
        until: datetime | None = await self._database.value(_UNTIL, list(hoppers), zone)
        return until

    async def bases(self, hoppers: Sequence[HopperId]) -> dict[HopperId, list[tuple[datetime, Asset]]]:
        """Of those whose base currency has changed: until when it was another, and which, oldest first."""
        return await hopper_events.bases(self._database, hoppers)

    async def worth(self, moments: Sequence[tuple[HopperId, datetime]]) -> dict[tuple[HopperId, datetime], Worth]:
        """What hoppers were worth in their own currencies right before each moment: the last close, a day old at most,
        and what came, less what went, since: two hoppers may hear of money within the same quarter of an hour.
        """
        if not moments:
            return {}
        ids, ats = [one[0] for one in moments], [one[1] for one in moments]
        rows = await self._database.fetch(_THEN, list(range(len(moments))), ids, ats)
        return {moments[row["number"]]: Worth(row["value"], row["at"]) for row in rows}


def _days(row: asyncpg.Record) -> HopperDays:
    return HopperDays(
        np.array(row["days"], np.int64),
        np.array(row["begins_at"], np.int64),
        np.array(row["ends_at"], np.int64),
        [Asset(one) for one in row["currency"]],
        np.array(row["opening"], np.float64),
        np.array(row["closing"], np.float64),
        np.array(row["gap"], np.float64),
        row["is_made_up"],
        row["balance"],
        row["unrealised"],
        row["free"],
        row["invested"],
        row["reserved"],
        row["positions"],
    )

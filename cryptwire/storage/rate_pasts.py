"""Tables ``rate_days`` and ``rate_pasts``: how far the past of rates is known, and who needs it."""

from datetime import date, datetime

from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.market import RateNeed
from cryptwire.storage.database import Database

# a hopper's past begins with its candles or its first trade; it may have counted in something else before
_NEEDS = """
    WITH pasts AS (
        SELECT h.hopper_id, h.base_currency, u.currency AS shown,
               least(coalesce(b.since, h.created_at),
                     (SELECT t.at FROM trades t WHERE t.hopper_id = h.hopper_id ORDER BY t.at LIMIT 1)) AS since
          FROM hoppers h JOIN users u USING (user_id) LEFT JOIN backfills b USING (hopper_id)
         WHERE u.deletion_asked_at IS NULL)
    SELECT currency, shown, min(since) AS since
      FROM (SELECT base_currency AS currency, shown, since FROM pasts
             UNION ALL
            SELECT e.was, p.shown, p.since FROM hopper_events e JOIN pasts p USING (hopper_id)
             WHERE e.kind = 'base-changed') counted
     GROUP BY 1, 2
"""
_EXCHANGES = """
    SELECT exchange FROM hoppers WHERE deleted_at IS NULL AND unlinked_at IS NULL
     GROUP BY exchange ORDER BY count(*) DESC, exchange
"""
# the last hours of a day as they were published are as good as what is read afterwards
_DAYS = """
    SELECT date FROM rate_days WHERE date >= $1 AND (rates > 0 OR read_at > now() - interval '7 days')
     UNION
    SELECT (at AT TIME ZONE 'UTC')::date FROM rates
     WHERE currency = 'EUR' AND source = 1 AND at >= $1::date::timestamp AT TIME ZONE 'UTC'
       AND (at AT TIME ZONE 'UTC')::time >= '21:00'
"""
_DAY_READ = """
    INSERT INTO rate_days (date, rates) VALUES ($1, $2)
    ON CONFLICT (date) DO UPDATE SET read_at = now(), rates = excluded.rates
"""
_PASTS = "SELECT currency, since, until FROM rate_pasts"
_PAST_READ = """
    INSERT INTO rate_pasts AS p (currency, since, until, market) VALUES ($1, $2, $3, $4)
    ON CONFLICT (currency) DO UPDATE
       SET since = least(p.since, excluded.since), until = greatest(p.until, excluded.until), read_at = now(),
           market = CASE WHEN excluded.market = '' THEN p.market ELSE excluded.market END
"""


class RatePasts:
    """The past of rates. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def needs(self) -> list[RateNeed]:
        """What users see their hoppers in, and what these count or counted in; by both."""
        rows = await self._database.fetch(_NEEDS)
        return [RateNeed(Asset(row["currency"]), Asset(row["shown"]), row["since"]) for row in rows]

    async def exchanges(self) -> list[Exchange]:
        """Where hoppers trade, most of them first."""
        return [Exchange(row["exchange"]) for row in await self._database.fetch(_EXCHANGES)]

    async def days(self, since: date) -> set[date]:
        """Days (UTC) from ``since`` on whose last rates are known; one that nobody could tell is so for a week."""
        return {row["date"] for row in await self._database.fetch(_DAYS, since)}

    async def day_read(self, day: date, rates: int) -> None:
        """It was, and held so many rates."""
        await self._database.execute(_DAY_READ, day, rates)

    async def hours(self) -> dict[Asset, tuple[datetime, datetime]]:
        """Since and until when every hour of a coin was looked at."""
        rows = await self._database.fetch(_PASTS)
        return {Asset(row["currency"]): (row["since"], row["until"]) for row in rows}

    async def hours_read(self, coin: Asset, since: datetime, until: datetime, market: str) -> None:
        """They were; they join what was looked at before. ``market``: where, empty for nowhere."""
        await self._database.execute(_PAST_READ, coin, since, until, market)

"""Tables ``coins`` and ``market_caps``: the only module that knows their columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from cryptwire.domain.currencies import DOLLARS
from cryptwire.domain.market import Coin, High
from cryptwire.domain.market_weights import ListedCoin
from cryptwire.storage.database import Database

_LISTED = """
    WITH told AS (
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::numeric[],
                             $8::numeric[], $9::timestamptz[])
               AS t (coin_id, symbol, name, slug, rank, price, market_cap, supply, at)
    ), kept AS (
        INSERT INTO market_caps (coin_id, at, rank, price, market_cap)
        SELECT coin_id, at, rank, price, market_cap FROM told
        ON CONFLICT DO NOTHING
    )
    INSERT INTO coins AS c (coin_id, symbol, name, slug, rank, price, market_cap, supply, at, high, high_at)
    SELECT coin_id, symbol, name, slug, rank, price, market_cap, supply, at, price, at FROM told
    ON CONFLICT (coin_id) DO UPDATE
       SET symbol = excluded.symbol, name = excluded.name, slug = excluded.slug, rank = excluded.rank,
           price = excluded.price, market_cap = excluded.market_cap, supply = excluded.supply, at = excluded.at,
           high = greatest(c.high, excluded.price),
           high_at = CASE WHEN excluded.price > c.high THEN excluded.at ELSE c.high_at END
     WHERE c.at <= excluded.at
"""
_HIGHS = """
    UPDATE coins c
       SET high = t.high, high_at = t.high_at, high_read_at = $4
      FROM unnest($1::bigint[], $2::numeric[], $3::timestamptz[]) AS t (coin_id, high, high_at)
     WHERE c.coin_id = t.coin_id
"""
_STALE_HIGHS = """
    SELECT coin_id FROM coins WHERE rank <= $1 AND (high_read_at IS NULL OR high_read_at < $2)
     ORDER BY high_read_at NULLS FIRST, rank LIMIT $1
"""
# among coins of one symbol those come first that the newest list holds, then by rank
_OF_SYMBOLS = """
    SELECT coin_id, symbol, name, rank, price, market_cap, high, high_at, high_read_at IS NOT NULL AS is_told, at
      FROM coins WHERE symbol = ANY($1::text[])
     ORDER BY at > (SELECT max(at) FROM coins) - interval '1 day' DESC, rank
"""
# of what somebody counts in no price is forgotten: figures of the past would change
_COUNTED_IN = """
    SELECT DISTINCT ON (symbol) coin_id FROM coins
     WHERE symbol = 'BTC' OR symbol = ANY($1::text[])
        OR symbol IN (SELECT base_currency FROM hoppers UNION SELECT currency FROM users
                       UNION SELECT was FROM hopper_events WHERE kind = 'base-changed')
     ORDER BY symbol, at > (SELECT max(at) FROM coins) - interval '1 day' DESC, rank
"""
_DROP = """
    DELETE FROM market_caps
     WHERE (coin_id, at) IN (SELECT coin_id, at FROM market_caps
                              WHERE at < $1 AND coin_id <> ALL($2::bigint[]) LIMIT 10000)
"""


class MarketCaps:
    """Coins, what they are worth, and what they ever were. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def listed(self, coins: Sequence[Coin]) -> None:
        """Keep a list; a coin seen for the first time has its price as its high until the source tells another."""
        if not coins:
            return
        rows = [
            (one.id, one.symbol, one.name, one.slug, one.rank, one.price, one.market_cap, one.supply, one.at)
            for one in {one.id: one for one in coins}.values()
        ]
        await self._database.execute(_LISTED, *map(list, zip(*rows, strict=True)))

    async def without_high_since(self, since: datetime, ranks: int) -> list[int]:
        """Coins of the first ``ranks`` whose high the source has not told since; longest ago first."""
        return [row["coin_id"] for row in await self._database.fetch(_STALE_HIGHS, ranks, since)]

    async def highs(self, highs: Mapping[int, High], read_at: datetime) -> None:
        """Keep what the source says of all-time highs."""
        prices, moments = [high.price for high in highs.values()], [high.at for high in highs.values()]
        await self._database.execute(_HIGHS, list(highs), prices, moments, read_at)

    async def drop_before(self, moment: datetime) -> int:
        """Forget market caps from before ``moment``, 10,000 at most; how many.

        Not of coins that hoppers or users count in, of bitcoin and of those that are backed to be a dollar.
        """
        kept = [row["coin_id"] for row in await self._database.fetch(_COUNTED_IN, sorted(DOLLARS))]
        return int((await self._database.execute(_DROP, moment, kept)).rpartition(" ")[2])

    async def of_symbols(self, symbols: Sequence[str]) -> dict[str, list[ListedCoin]]:
        """Every coin of these symbols, by symbol; of one symbol those of the newest list first, then by rank."""
        found: dict[str, list[ListedCoin]] = {}
        for row in await self._database.fetch(_OF_SYMBOLS, list(symbols)):
            found.setdefault(row["symbol"], []).append(ListedCoin(*row))
        return found

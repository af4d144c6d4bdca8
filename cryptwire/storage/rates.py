"""Table ``rates``: the only module that knows its columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from cryptwire.domain.conversion import FRESH, Told, held
from cryptwire.domain.hopper import Asset
from cryptwire.domain.market import Rates
from cryptwire.storage.database import Database

# who goes before (Told) replaces who does not; else what is there for a moment stays
_ADD = """
    INSERT INTO rates AS r (currency, at, per_usd, source)
    SELECT n.*, $4::smallint FROM unnest($1::text[], $2::timestamptz[], $3::numeric[]) AS n(currency, at, per_usd)
    ON CONFLICT (currency, at) DO UPDATE SET per_usd = excluded.per_usd, source = excluded.source
     WHERE r.source > excluded.source
"""
# the same choice as cryptwire.domain.conversion makes
_AT = """
    SELECT DISTINCT ON (r.currency) r.currency, r.at, r.per_usd
      FROM unnest($1::text[], $3::interval[]) AS n(currency, held)
      JOIN rates r ON r.currency = n.currency AND r.at <= $2 AND r.at > $2 - n.held
     ORDER BY r.currency, r.at <= $2 - $4::interval, CASE WHEN r.at > $2 - $4::interval THEN r.source END, r.at DESC,
              r.source
"""
_LAST = "SELECT max(at) FROM rates WHERE currency = 'EUR'"


class ExchangeRates:
    """Exchange rates, as they were published. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rates: Rates, by: Told = Told.PUBLISHED) -> None:
        """Keep what was told at a moment; what is there for it stays, unless this goes before it."""
        moments = [rates.at] * len(rates.per_usd)
        await self._database.execute(_ADD, list(rates.per_usd), moments, list(rates.per_usd.values()), by)

    async def add_series(self, currency: Asset, per_usd: Mapping[datetime, Decimal], by: Told) -> None:
        """The same of one currency at many moments."""
        await self._database.execute(_ADD, [currency] * len(per_usd), list(per_usd), list(per_usd.values()), by)

    async def at(self, currencies: Sequence[str], moment: datetime) -> dict[str, tuple[Decimal, datetime]]:
        """Units for one US dollar that count at ``moment`` by this table alone, and when they were told.

        As ``cryptwire.domain.conversion`` chooses them; what a list of coins tells goes before it and is not here. A
        currency that nobody told of is left out.
        """
        spans = [held(Asset(currency)) for currency in currencies]
        rows = await self._database.fetch(_AT, list(currencies), moment, spans, FRESH)
        return {row["currency"]: (row["per_usd"], row["at"]) for row in rows}

    async def last_at(self) -> datetime | None:
        """When the newest were published."""
        last: datetime | None = await self._database.value(_LAST)
        return last

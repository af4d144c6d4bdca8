"""Table ``rates``: the only module that knows its columns."""

from datetime import datetime
from decimal import Decimal

from cryptwire.domain.market import Rates
from cryptwire.storage.database import Database

_ADD = """
    INSERT INTO rates (currency, at, per_usd) SELECT unnest($1::text[]), $2, unnest($3::numeric[])
    ON CONFLICT DO NOTHING
"""
_AT = """
    SELECT DISTINCT ON (currency) currency, at, per_usd FROM rates
     WHERE currency = ANY($1::text[]) AND at <= $2 AND at > $2 - interval '30 days'
     ORDER BY currency, at DESC
"""
_LAST = "SELECT max(at) FROM rates WHERE currency = 'EUR'"


class ExchangeRates:
    """Exchange rates, as they were published. Raises Unavailable while the database is away."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, rates: Rates) -> None:
        """Keep what was published; what is there for that moment stays."""
        await self._database.execute(_ADD, list(rates.per_usd), rates.at, list(rates.per_usd.values()))

    async def at(self, currencies: list[str], moment: datetime) -> dict[str, tuple[Decimal, datetime]]:
        """Units for one US dollar and when they were published, the newest at ``moment`` and at most 30 days older.

        A currency that nobody told of is left out.
        """
        rows = await self._database.fetch(_AT, currencies, moment)
        return {row["currency"]: (row["per_usd"], row["at"]) for row in rows}

    async def last_at(self) -> datetime | None:
        """When the newest were published."""
        last: datetime | None = await self._database.value(_LAST)
        return last

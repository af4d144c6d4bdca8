"""What the hoppers of a scope traded, summed by the database: for what coins have earned, and for figures of trades."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from api.handlers.analytics.days import conversions
from api.handlers.analytics.reading import Reading
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.storage.result_series import Standing
from cryptwire.storage.steps import Steps, steps_of
from cryptwire.storage.trade_sums import TradeSum

BEFORE = timedelta(hours=36)
"""So long before a range its midnight may lie: days are those of the zone that the user lives in now."""

Span = tuple[HopperId, datetime, datetime]
"""Whose trades, from when and until when."""


@dataclass(frozen=True)
class TradeRates:
    """What one currency is worth in the scope's, where trades were made while hoppers counted in it."""

    conversion: Conversion
    since: datetime

    @cached_property
    def steps(self) -> Steps | None:
        """All of it."""
        return steps_of(self.conversion, self.since, self.conversion.until)


async def trade_rates(reading: Reading, currency: Asset) -> TradeRates:
    """Rates of all trades that can have a part in the scope: sums over them are converted by the same texts."""

    async def read() -> TradeRates:
        rates = await conversions(reading, {currency})
        return TradeRates(rates[currency], reading.scope.begins_at - BEFORE)

    return await reading.once(("trade rates", currency), read)


async def standing_of(reading: Reading) -> dict[HopperId, Standing]:
    """How far the results of each hopper are."""
    return await reading.once("standing", lambda: reading.sources.result_series.standing(reading.scope.ids))


async def traded(reading: Reading, spans: Sequence[Span], currency: Asset) -> list[TradeSum]:
    """Trades in ``[since, until)`` of each hopper that were made while it counted in ``currency``.

    What was traded before the day in progress is summed by itself: it is the same for whoever asks about all until now,
    whatever moment that is, and nothing is rounded, so that sums of both are those of the whole. They are kept while no
    result, no trade and no rate in them changes.
    """
    today = day_at(zone_of(reading.scope.zone), reading.scope.now).begins_at
    past = [(id, since, min(until, today)) for id, since, until in spans if since < min(until, today)]
    newer = [(id, max(since, today), until) for id, since, until in spans if max(since, today) < until]
    return [one for part in (past, newer) for one in await _kept(reading, tuple(part), currency)]


async def _kept(reading: Reading, spans: tuple[Span, ...], currency: Asset) -> list[TradeSum]:
    if not spans:
        return []
    sources, scope, key = reading.sources, reading.scope, ("traded", spans, currency, reading.scope.currency)
    bases = {one.hopper.id: one.hopper.base for one in scope.hoppers}

    async def read() -> list[TradeSum]:
        rates, standing = await trade_rates(reading, currency), await standing_of(reading)
        version = [(standing.get(id), bases[id]) for id, _, _ in spans], rates.conversion.version
        return await sources.kept.of(key, version, lambda: summed(rates), len)

    async def summed(rates: TradeRates) -> list[TradeSum]:
        begin, end = min(since for _, since, _ in spans), max(until for _, _, until in spans)
        is_most = 2 * (end - begin) > rates.conversion.until - rates.since
        steps = rates.steps if is_most else steps_of(rates.conversion, begin, end)
        return await sources.trade_sums.of([(*span, bases[span[0]]) for span in spans], currency, steps)

    return await reading.once(key, read)

"""What the hoppers of a scope traded, in columns, and summed for what coins have earned and for figures of trades."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from api.handlers.analytics.days import conversions
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from cryptwire.clock import to_us
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade_column_sums import TradeSum, trade_sums
from cryptwire.domain.trade_columns import RateSteps, TradeColumns, TradeValues, valued
from cryptwire.storage.result_standings import Standing

BEFORE = timedelta(hours=36)
"""So long before a range its midnight may lie: days are those of the zone that the user lives in now."""

Span = tuple[HopperId, datetime, datetime]
"""Whose trades, from when and until when."""
_PIECES = 2
"""In so many rates are made ready: of two years each takes some milliseconds."""
_MOST_KEPT = 300_000
"""Trades that an operation keeps; their columns take some 100 MB."""


def ends_at(scope: Scope) -> datetime:
    """Of the day in progress its end: what is asked again a moment later is the same question."""
    return day_at(zone_of(scope.zone), scope.now).ends_at if scope.includes_today else scope.ends_at


async def trade_rates(reading: Reading, currency: Asset) -> Conversion:
    """Rates of all trades that can have a part in the scope."""
    return (await conversions(reading, {currency}))[currency]


async def standing_of(reading: Reading) -> dict[HopperId, Standing]:
    """How far the results of each hopper are."""
    return await reading.once("standing", lambda: reading.sources.standings.of(reading.scope.ids))


# ---- in columns ------------------------------------------------------------------------------------------------------


async def trade_columns(reading: Reading, since: datetime | None = None) -> AsyncIterator[TradeColumns]:
    """Trades of the scope, or those of it from ``since`` on, in parts that are in no order.

    They are read once for an operation; when they are very many each time they are asked for.
    """
    kept = await _kept_parts(reading, since)
    if kept is not None:
        for trades in kept:
            yield trades
            await asyncio.sleep(0)
        return
    async for trades in _read(reading, since):
        yield trades


async def trade_values(reading: Reading, currency: Asset, since: datetime | None = None) -> AsyncIterator[TradeValues]:
    """Those of them that were made while hoppers counted in ``currency``, in the currency of the scope."""
    kept, steps = await asyncio.gather(_kept_parts(reading, since), _steps(reading, currency))
    if kept is None:
        async for trades in _read(reading, since):
            yield valued(trades.of_currency(currency), steps)
        return

    async def values() -> list[TradeValues]:
        found = []
        for trades in kept:
            found.append(valued(trades.of_currency(currency), steps))
            await asyncio.sleep(0)  # others may ask the database for what they need
        return found

    for one in await reading.once(("values", since, currency), values):
        yield one
        await asyncio.sleep(0)  # others may ask the database for what they need


async def _kept_parts(reading: Reading, since: datetime | None) -> list[TradeColumns] | None:
    """All parts; None when they are too many to be kept."""

    async def read() -> list[TradeColumns] | None:
        parts, trades = [], 0
        async with aclosing(_read(reading, since)) as told:
            async for part in told:
                parts.append(part)
                trades += len(part)
                if trades > _MOST_KEPT:
                    return None
        return parts

    return await reading.once(("trades", since), read)


def _read(reading: Reading, since: datetime | None) -> AsyncGenerator[TradeColumns]:
    """A connection is theirs until all are read: nothing else may be waited for meanwhile."""
    scope = reading.scope
    hoppers = [(one.hopper.id, one.hopper.base) for one in scope.hoppers]
    return reading.sources.trade_columns.of(hoppers, since or _since(scope), ends_at(scope))


async def _steps(reading: Reading, currency: Asset) -> RateSteps | None:
    """What all trades are converted by; kept, since to make it takes as long as what is done with it."""
    since, rates = _since(reading.scope), await trade_rates(reading, currency)

    async def made() -> RateSteps | None:
        parts, span = [], (rates.until - since) / _PIECES
        for number in range(_PIECES):
            part = RateSteps.of(rates, since + number * span, since + (number + 1) * span)
            if part is None:
                return None
            parts.append(part)
            await asyncio.sleep(0)  # others may ask the database for what they need
        return RateSteps.joined(parts)

    async def kept() -> RateSteps | None:
        key = "steps", currency, reading.scope.currency, since, rates.until
        return await reading.sources.kept.of(key, rates.version, made, _size_of_steps)

    return await reading.once(("steps", currency), kept)


def _size_of_steps(steps: RateSteps | None) -> int:
    return 0 if steps is None else steps.rates.digits.size // 60


def _since(scope: Scope) -> datetime:
    return scope.begins_at - BEFORE


# ---- summed ----------------------------------------------------------------------------------------------------------


async def traded(reading: Reading, spans: Sequence[Span], currency: Asset) -> list[TradeSum]:
    """Trades in ``[since, until)`` of each hopper that were made while it counted in ``currency``.

    What was traded before the day in progress is summed by itself: it is the same for whoever asks about all until now,
    whatever moment that is, and nothing is rounded, so that sums of both are those of the whole. They are kept while no
    result, no trade and no rate in them changes.
    """
    today = day_at(zone_of(reading.scope.zone), reading.scope.now).begins_at
    past = [(id, since, min(until, today)) for id, since, until in spans if since < min(until, today)]
    newer = [(id, max(since, today), until) for id, since, until in spans if max(since, today) < until]
    both = await asyncio.gather(_kept(reading, tuple(past), currency), _kept(reading, tuple(newer), currency, today))
    return [one for part in both for one in part]


async def _kept(
    reading: Reading, spans: tuple[Span, ...], currency: Asset, since: datetime | None = None
) -> list[TradeSum]:
    """``since``: when the first of the spans may begin; None: anywhere in the scope."""
    if not spans:
        return []
    sources, scope, key = reading.sources, reading.scope, ("traded", spans, currency, reading.scope.currency)
    bases = {one.hopper.id: one.hopper.base for one in scope.hoppers}
    edges = {id: (to_us(begin), to_us(end)) for id, begin, end in spans}

    async def summed() -> list[TradeSum]:
        return [one async for values in trade_values(reading, currency, since) for one in trade_sums(values, edges)]

    async def read() -> list[TradeSum]:
        rates, standing = await trade_rates(reading, currency), await standing_of(reading)
        version = [(standing.get(id), bases[id]) for id, _, _ in spans], rates.version
        return await sources.kept.of(key, version, summed, len)

    return await reading.once(key, read)

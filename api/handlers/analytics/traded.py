"""What the hoppers of a scope traded, in columns, and summed for what coins have earned and for figures of trades."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from api.handlers.analytics.days import conversions
from api.handlers.analytics.ports import TradeColumnRows
from api.handlers.analytics.reading import Reading
from api.handlers.analytics.scope import Scope
from cryptwire.clock import to_us
from cryptwire.domain.conversion import Conversion
from cryptwire.domain.day import day_at, zone_of
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade_column_sums import TradeSum, trade_sums
from cryptwire.domain.trade_columns import RateSteps, TradeColumns, TradeValues, valued
from cryptwire.errors import Invalid
from cryptwire.storage.result_standings import Standing

BEFORE = timedelta(hours=36)
"""So long before a range its midnight may lie: days are those of the zone that the user lives in now."""

Span = tuple[HopperId, datetime, datetime]
"""Whose trades, from when and until when."""
Hoppers = Sequence[tuple[HopperId, Asset]]
"""Each with its base currency."""

_PART, _MOST_PARTS = timedelta(days=250), 4
"""About so long are parts in which trades are read."""


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
    """Trades of the scope, or those of it from ``since`` on, in parts that follow each other.

    Each is read once for an operation, and while one is looked at the next is being read. Of a part with very many
    trades smaller ones are read anew each time they are asked for.
    """
    for span, read in (await _parts(reading, since)).read:
        async for trades in _told(reading, span, await read):
            yield trades


async def trade_values(reading: Reading, currency: Asset, since: datetime | None = None) -> AsyncIterator[TradeValues]:
    """Those of them that were made while hoppers counted in ``currency``, in the currency of the scope."""
    parts = await _parts(reading, since)
    steps = await _steps(reading, currency)  # made while the first part is read
    for span, read in parts.read:
        whole = await read
        if whole is not None:
            yield await reading.once(("values", span, currency), partial(_valued, whole, currency, steps))
            continue
        async for trades in _told(reading, span, whole):
            yield await _valued(trades, currency, steps)


class _Parts:
    """Trades of some spans, read one after the other, each decoded while the database works on the next."""

    def __init__(self, rows: TradeColumnRows, hoppers: Hoppers, spans: Sequence[tuple[datetime, datetime]]) -> None:
        loop = asyncio.get_running_loop()
        self.read: list[tuple[tuple[datetime, datetime], asyncio.Future[TradeColumns | None]]] = [
            (span, loop.create_future()) for span in spans
        ]
        """Of each span what it holds; None: too many to be told at once."""
        self._reading = asyncio.ensure_future(self._read(rows.of(hoppers, spans)))

    async def _read(self, told: AsyncIterator[TradeColumns | None]) -> None:
        waiting = [future for _, future in reversed(self.read)]
        try:
            async for trades in told:
                waiting.pop().set_result(trades)
                await asyncio.sleep(0)  # who waits for it goes on
        except Exception as error:  # noqa: BLE001 - it is theirs who wait, all of them
            for future in waiting:
                future.set_exception(error)
                future.exception()  # nobody needs to
        finally:
            for future in waiting:
                future.cancel()


async def _parts(reading: Reading, since: datetime | None) -> _Parts:
    async def begun() -> _Parts:
        begin, end = since or _since(reading.scope), ends_at(reading.scope)
        number = min(_MOST_PARTS, 1 + (end - begin) // _PART)
        starts = [begin + (end - begin) * place / number for place in range(number)]
        return _Parts(reading.sources.trade_columns, _hoppers(reading.scope), list(pairwise([*starts, end])))

    return await reading.once(("trades", since), begun)


async def _told(
    reading: Reading, span: tuple[datetime, datetime], whole: TradeColumns | None
) -> AsyncIterator[TradeColumns]:
    if whole is not None:
        yield whole
        return
    rows, hoppers = reading.sources.trade_columns, _hoppers(reading.scope)
    async for part in rows.of(hoppers, await reading.once(("parts", span), lambda: rows.parts(hoppers, span))):
        if part is None:
            raise Invalid("too many trades were made at one moment: choose other days, or fewer hoppers")
        yield part


async def _valued(trades: TradeColumns, currency: Asset, steps: RateSteps | None) -> TradeValues:
    return valued(trades.of_currency(currency), steps)


async def _steps(reading: Reading, currency: Asset) -> RateSteps | None:
    """What all trades are converted by; kept, since to make it takes as long as what is done with it."""
    since, rates = _since(reading.scope), await trade_rates(reading, currency)

    async def made() -> RateSteps | None:
        return RateSteps.of(rates, since, rates.until)

    async def kept() -> RateSteps | None:
        key = "steps", currency, reading.scope.currency, since, rates.until
        return await reading.sources.kept.of(key, rates.version, made, _size_of_steps)

    return await reading.once(("steps", currency), kept)


def _since(scope: Scope) -> datetime:
    return scope.begins_at - BEFORE


def _hoppers(scope: Scope) -> Hoppers:
    return [(one.hopper.id, one.hopper.base) for one in scope.hoppers]


def _size_of_steps(steps: RateSteps | None) -> int:
    return 0 if steps is None else steps.rates.digits.size // 60


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

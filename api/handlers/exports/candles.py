"""``/exports/candles.csv``: what hoppers were worth, by quarters of an hour."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

import numpy as np

from api.handlers.analytics.scope import Scope
from api.handlers.exports.cells import Column, Kind, Table
from api.handlers.exports.pages import Files, Page
from api.handlers.exports.rates import Rates
from cryptwire.domain.candle import SPAN, Candle
from cryptwire.domain.hopper import Asset, Hopper, with_base

TABLE = Table(
    "candles",
    "What each hopper was worth, by quarters of an hour, one hopper after the other, oldest first. A gap is no row.",
    (
        Column("opened_at", Kind.UTC, "When it opened."),
        Column("opened_at_local", Kind.LOCAL, "The same by your clock."),
        Column("hopper_id", Kind.TEXT, "Cryptohopper's id of the hopper."),
        Column("hopper", Kind.TEXT, "Its name."),
        Column("currency", Kind.TEXT, "Of all amounts."),
        Column("open", Kind.AMOUNT, "The worth when it opened, at the rate of then."),
        Column("high", Kind.AMOUNT, "The highest worth, at the rate of the opening; not below open and close."),
        Column("low", Kind.AMOUNT, "The lowest worth, at the rate of the opening; not above open and close."),
        Column("close", Kind.AMOUNT, "The worth at its end, at the rate of then."),
        Column(
            "volume", Kind.AMOUNT, "What the hopper bought and sold for its base currency in it, at the opening's rate."
        ),
        Column("gap_seconds", Kind.NUMBER, "How long prices were not fresh."),
        Column("quality", Kind.WORD, "`complete`, `backfilled` from the exchanges' candles, or `partial`."),
        Column("base_currency", Kind.TEXT, "What the hopper is valued in."),
        Column("rate", Kind.NUMBER, "Units of the currency for one of the base currency at the opening."),
    ),
)
_AT_ONCE = timedelta(days=7)
Bases = Sequence[tuple[datetime, Asset]]


async def pages(files: Files, scope: Scope) -> AsyncIterator[Page]:
    """See ``Pages``."""
    bases = await files.figures.days.bases(scope.ids)
    rates = Rates(files.figures.conversions, scope.currency, scope.begins_at, scope.ends_at + SPAN)
    for known in scope.hoppers:
        hopper = known.hopper
        earliest = await files.series.earliest(hopper.id)
        if earliest is None:
            continue
        begin = max(scope.begins_at, datetime.fromtimestamp(earliest, scope.now.tzinfo))
        while begin < scope.ends_at:
            until = min(begin + _AT_ONCE, scope.ends_at)
            candles = await files.candles.within(hopper.id, begin, until)
            if candles:
                yield await _page(files, rates, hopper, bases.get(hopper.id, ()), candles)
            begin = until


async def _page(files: Files, rates: Rates, hopper: Hopper, bases: Bases, candles: Sequence[Candle]) -> Page:
    of = [with_base(hopper, bases, candle.opened_at + SPAN).base for candle in candles]
    await rates.know(of)
    seconds = np.array([int(candle.opened_at.timestamp()) for candle in candles])
    span = int(SPAN.total_seconds())
    opens, closes, volumes = np.empty(len(candles)), np.empty(len(candles)), dict[int, float]()
    for base in set(of):
        rows = np.array([each == base for each in of])
        conversion = rates.conversion(base)
        opens[rows], closes[rows] = conversion.at(seconds[rows]), conversion.at(seconds[rows] + span)
        first, last = int(seconds[rows][0]), int(seconds[rows][-1])
        found = await files.series.volumes(hopper.id, base, first, last + span)
        volumes.update(zip(found.at.tolist(), found.sums.tolist(), strict=True))
    return [
        _row(candle, hopper, base, rates.target, at_open, at_close, volumes.get(second, 0.0))
        for candle, base, at_open, at_close, second in zip(
            candles, of, opens.tolist(), closes.tolist(), seconds.tolist(), strict=True
        )
    ]


def _row(
    candle: Candle, hopper: Hopper, base: Asset, currency: Asset, at_open: float, at_close: float, volume: float
) -> tuple[object, ...]:
    opened, closed = candle.open * at_open, candle.close * at_close
    return (
        candle.opened_at,
        candle.opened_at,
        hopper.id,
        hopper.name,
        currency,
        opened,
        max(candle.high * at_open, opened, closed),
        min(candle.low * at_open, opened, closed),
        closed,
        volume * at_open,
        candle.gap.total_seconds(),
        candle.quality.name.lower(),
        base,
        at_open,
    )

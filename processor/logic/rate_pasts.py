"""Which rates of the past are missing, and what an exchange's candles tell of a coin (docs/decisions/0024)."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cryptwire.domain.conversion import FRESH, Tellings, Told
from cryptwire.domain.currencies import DOLLAR, DOLLARS, FIAT
from cryptwire.domain.hopper import Asset, Exchange
from cryptwire.domain.market import RateNeed
from cryptwire.domain.route import STEPPING_STONES, Leg
from cryptwire.domain.ticker import Pair

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_HOUR_SECONDS = 3600
_SETTLED = timedelta(hours=1)
"""So long after a day or an hour its last rates are taken for published, if ever."""
_BENCHMARK = Asset("BTC")
_QUOTES = (DOLLAR, *(stone for stone in STEPPING_STONES if stone in DOLLARS), Asset("EUR"), Asset("GBP"), _BENCHMARK)
"""In what a coin's price is looked for, best first."""
_ROUNDED = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Wanted:
    """From when on money of states, None for not at all, and each coin must be known; coins that others need first."""

    fiat: datetime | None
    coins: dict[Asset, datetime]


def wanted(needs: Iterable[RateNeed]) -> Wanted:
    """What must be known for everybody's figures: of who sees his hoppers in what they count in nothing is needed.

    Bitcoin is wanted for everybody: what all is compared with.
    """
    fiat: datetime | None = None
    coins: dict[Asset, datetime] = {}
    for need in needs:
        of_both = {need.currency, need.shown}
        if len(of_both) > 1 and of_both & (FIAT - {DOLLAR}):
            fiat = need.since if fiat is None else min(fiat, need.since)
        for coin in (of_both if len(of_both) > 1 else set()) | {_BENCHMARK}:
            if coin not in FIAT:
                coins[coin] = min(need.since, coins.get(coin, need.since))
    ordered = sorted(coins, key=lambda coin: (coin not in DOLLARS, coin != _BENCHMARK, coin))
    return Wanted(fiat, {coin: coins[coin] for coin in ordered})


def missing_days(since: datetime | None, now: datetime, known: Collection[date]) -> list[date]:
    """Days (UTC) whose last rates are not ``known``, the newest first: from the one before ``since`` to yesterday."""
    if since is None:
        return []
    last = (now - _SETTLED).date() - DAY
    first = since.date() - DAY
    days = (last - number * DAY for number in range((last - first).days + 1))
    return [day for day in days if day not in known]


def spare(left: int | None, remaining: timedelta, most: int) -> int:
    """How many requests the past may have: what is left beyond one for each hour that remains, ``most`` at once."""
    if left is None:
        return most
    return max(0, min(most, left - math.ceil(remaining / HOUR)))


class Span(NamedTuple):
    """Full hours ``[first, end)``, counted since the epoch."""

    first: int
    end: int


def hour_of(moment: datetime) -> int:
    """The full hour that has ended last at ``moment``, counted since the epoch."""
    return int(moment.timestamp() // _HOUR_SECONDS)


def spans(since: datetime, now: datetime, done: tuple[datetime, datetime] | None, most: int) -> list[Span]:
    """Hours not looked at yet, ``most`` in each span: first what came since, then back into the past.

    The newest hour may still be told by who goes before.
    """
    first, end = hour_of(since), hour_of(now - _SETTLED) + 1
    if done is None:
        begin = stop = end
    else:
        begin, stop = hour_of(done[0]), hour_of(done[1])
    found = [Span(at, min(at + most, end)) for at in range(stop, end, most)]
    found += [Span(max(first, at - most), at) for at in range(begin, first, -most)]
    return [span for span in found if span.first < span.end]


def uncovered(told: Tellings, span: Span) -> NDArray[np.int64]:
    """The hours of ``span`` at whose full hour nobody who goes before an exchange had spoken within FRESH."""
    hours = np.arange(span.first, span.end, dtype=np.int64)
    at = told.at[told.by < Told.TRADED]
    place = np.searchsorted(at, hours * _HOUR_SECONDS, side="right") - 1
    fresh = FRESH // timedelta(seconds=1)
    if not len(at):
        return hours
    return hours[(place < 0) | (hours * _HOUR_SECONDS - at[place] >= fresh)]


def ways(coin: Asset, exchanges: Sequence[Exchange], markets: Collection[Pair]) -> list[tuple[Leg, Asset]]:
    """The markets that price ``coin``, and in what, best first: by the quote, then by the exchange's place.

    A coin that is backed to be a dollar is priced in dollars alone: beside another such coin it would tell nothing.
    """
    quotes = (DOLLAR,) if coin in DOLLARS else tuple(quote for quote in _QUOTES if quote != coin)
    found = []
    for quote in quotes:
        for exchange in exchanges:
            direct, inverse = Pair(exchange, coin, quote), Pair(exchange, quote, coin)
            if direct in markets:
                found.append((Leg(direct, is_inverse=False), quote))
            elif inverse in markets:
                found.append((Leg(inverse, is_inverse=True), quote))
    return found


def per_usd(close: float, worth: Decimal, *, is_inverse: bool) -> Decimal:
    """Units for one dollar by a candle's close, ``worth`` dollars for one of what it is priced in."""
    price = Decimal(repr(close))
    if is_inverse:
        return _ROUNDED.divide(price, worth)
    return _ROUNDED.divide(Decimal(1), _ROUNDED.multiply(price, worth))


def moment_of(hour: int) -> datetime:
    """The full hour of a number."""
    return datetime.fromtimestamp(hour * _HOUR_SECONDS, UTC)

"""Trades become rows of results, in their order, with what the past knows of prices."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptwire.domain.hopper import Asset, Exchange, Hopper, with_base
from cryptwire.domain.result import Ledger, ledger_of
from cryptwire.domain.trade import Trade
from cryptwire.domain.trade_result import KnownTrade, Place, ResultProgress, ResultStanding, TradeResult, Wanted

_ONE = Decimal(1)
_PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))
_PAUSE = timedelta(days=1)
_GIVES_UP = 16
"""So often prices that nobody knew are asked for again: for about two weeks."""
_KEPT = 200
"""Prices that are asked for again: what is missing for long stays so, what is new may come."""
_TOLD = 5
_MISSING = "missing"
_ARE_MORE = "more-missing"
_EARLIER = "earlier"
_DAYS = timedelta(days=3)
_FEW = 500
_EVER = datetime(1, 1, 2, tzinfo=UTC)

Bases = Sequence[tuple[datetime, Asset]]


class Prices:
    """What was found of the past; what is asked for and was not found is remembered as missing."""

    def __init__(self, found: Mapping[Wanted, Decimal]) -> None:
        self._found = found
        self.missing: set[Wanted] = set()

    def __call__(self, exchange: Exchange, asset: Asset, into: Asset, at: datetime) -> Decimal | None:
        wanted = exchange, asset, into, at
        price = self._found.get(wanted)
        if price is None:
            self.missing.add(wanted)
        return price


class Missing:
    """The prices that nobody knew, so far: of the last 200 moments, which are asked for again, and whether there are
    more.
    """

    def __init__(self, kept: Iterable[Wanted] = (), *, are_more: bool = False) -> None:
        self.kept = set(kept)
        self.are_more = are_more

    def add(self, wanted: Iterable[Wanted]) -> None:
        """More of them."""
        listed = sorted(self.kept.union(wanted), key=_by_time)
        self.are_more = self.are_more or len(listed) > _KEPT
        self.kept = set(listed[-_KEPT:])

    @property
    def said(self) -> str:
        """In words; empty when none is missing."""
        if not self.kept:
            return ""
        pairs = sorted({f"{asset} in {into}" for _, asset, into, _ in self.kept})
        others = f" and {len(pairs) - _TOLD} others" if len(pairs) > _TOLD else ""
        number = f"more than {len(self.kept)}" if self.are_more else str(len(self.kept))
        return f"{number} prices of the past are not known: {', '.join(pairs[:_TOLD])}{others}"

    def as_json(self) -> dict[str, Any]:
        """For keeping with the ledger; ``missing_of`` makes the same of it."""
        listed = sorted(self.kept, key=_by_time)
        return {_MISSING: [[*names, at.isoformat()] for *names, at in listed], _ARE_MORE: self.are_more}


def missing_of(kept: Mapping[str, Any]) -> Missing:
    """What ``as_json`` kept."""
    listed = (
        (Exchange(exchange), Asset(asset), Asset(into), datetime.fromisoformat(at))
        for exchange, asset, into, at in kept.get(_MISSING, ())
    )
    return Missing(listed, are_more=kept.get(_ARE_MORE, False))


def _by_time(wanted: Wanted) -> tuple[datetime, Wanted]:
    return wanted[3], wanted


class Work:
    """A hopper's trades in hand: where the last one stands that is worked in, and what those until it have left.

    With the ledger it is kept how it was three to six days before, so that a trade that comes a little late, or a price
    that is known a little later, costs the trades since then and not all; unless it holds so many lots that keeping it
    costs more.
    """

    def __init__(self, standing: ResultStanding, changed_at: datetime | None) -> None:
        """To be gone on with from where it is; from before ``changed_at`` when something has changed there."""
        self.standing = standing
        self.is_anew = changed_at is not None
        self.earlier: list[Mapping[str, Any]] = standing.ledger.get(_EARLIER, [])
        self.place = standing.until
        self.missing = missing_of(standing.ledger)
        kept = standing.ledger
        if changed_at is not None:
            self.earlier = [each for each in self.earlier if _place_of(each).at < changed_at]
            kept = self.earlier[-1] if self.earlier else {}
            self.place = _place_of(kept) if kept else None
            since = self.place.at if self.place else _EVER
            self.missing = Missing(each for each in self.missing.kept if each[3] <= since)
        self.ledger = ledger_of(kept)

    @property
    def hopper(self) -> Hopper:
        return self.standing.hopper

    def needs(self, page: Sequence[KnownTrade]) -> set[Wanted]:
        """Which prices the next trades need."""
        return prices_needed(self.hopper, self.standing.bases, page, self.ledger)

    def go_on(self, page: Sequence[KnownTrade], found: Mapping[Wanted, Decimal]) -> list[TradeResult]:
        """Work in the next trades: their rows."""
        if not page:
            return []
        self._keep_earlier(page[0].trade.at)
        prices = Prices(found)
        rows = worked(self.hopper, self.standing.bases, page, self.ledger, prices)
        self.place = Place(page[-1].trade.at, page[-1].trade.id)
        self.missing.add(prices.missing)
        return rows

    def _keep_earlier(self, at: datetime) -> None:
        """Keep how the ledger is before a trade at ``at``, and how it was kept last, when that is some days ago."""
        if self.place is None or (self.earlier and at - _place_of(self.earlier[-1]).at < _DAYS):
            return
        if sum(len(pool.lots) for pools in self.ledger.pools.values() for pool in pools) > _FEW:
            self.earlier = []
        else:
            place = {"at": self.place.at.isoformat(), "id": self.place.id}
            self.earlier = [*self.earlier[-1:], {**self.ledger.as_json(), **place}]

    def progress(self, now: datetime) -> ResultProgress:
        """How far the hopper is; what is missing is asked for again soon when it is new, ever later when it is not."""
        standing, tries, at = self.standing, self.standing.tries, self.standing.again_at
        if not self.missing.kept:
            tries, at = 0, None
        elif self.missing.kept - missing_of(standing.ledger).kept:
            tries, at = 0, again_at(now, 0)
        elif standing.is_again:
            tries, at = tries + 1, again_at(now, tries + 1)
        kept = {**self.ledger.as_json(), **self.missing.as_json(), _EARLIER: self.earlier}
        said, read_at = self.missing.said, standing.read_at
        return ResultProgress(self.hopper.id, self.place, kept, len(standing.bases), at, tries, read_at, said)


def _place_of(kept: Mapping[str, Any]) -> Place:
    return Place(datetime.fromisoformat(kept["at"]), kept["id"])


def changed_at(standing: ResultStanding, known: Iterable[Wanted]) -> datetime | None:
    """From when on what is there must be made anew; None: it is right. ``known``: prices that were not known before."""
    if standing.computed_at is None:
        return None
    if standing.counted != len(standing.bases):
        return _EVER
    moments = [at for *_, at in known]
    return min(moments if standing.late_at is None else [standing.late_at, *moments], default=None)


def again_at(now: datetime, tries: int) -> datetime | None:
    """When prices that nobody knew are asked for once more, after ``tries`` times; None: not any more."""
    if tries >= _GIVES_UP:
        return None
    return now + (_PAUSES[tries] if tries < len(_PAUSES) else _PAUSE)


def prices_needed(hopper: Hopper, bases: Bases, trades: Sequence[KnownTrade], ledger: Ledger) -> set[Wanted]:
    """Which prices of the past ``worked`` asks for: of third coins' fees, of quotes that are not the base currency of
    their time, and of a coin's other quotes when it was bought; but for what is known already.
    """
    wanted: set[Wanted] = set()
    quotes: dict[Asset, set[Asset]] = {}
    for known in trades:
        trade = known.trade
        quotes.setdefault(trade.pair.base, set()).add(trade.pair.quote)
        if _is_fee_asked(known):
            wanted.add((trade.pair.exchange, trade.fee_currency, trade.pair.quote, trade.at))
        currency = with_base(hopper, bases, trade.at).base
        if _rate(known, currency) is None:
            wanted.add((trade.pair.exchange, trade.pair.quote, currency, trade.at))
    for coin, of_coin in quotes.items():
        pools = ledger.pools.get(coin, [])
        of_coin |= {pool.pair.quote for pool in pools}
        if len(of_coin) == 1:
            continue
        bought = [(lot.pair, lot.at) for pool in pools for lot in pool.lots.values()]
        bought += [(each.trade.pair, each.trade.at) for each in trades if each.trade.pair.base == coin]
        wanted |= {
            (pair.exchange, pair.quote, other, at) for pair, at in bought for other in of_coin if other != pair.quote
        }
    return wanted


def worked(
    hopper: Hopper, bases: Bases, trades: Sequence[KnownTrade], ledger: Ledger, prices: Prices
) -> list[TradeResult]:
    """The rows of ``trades``, which follow each other and those that ``ledger`` knows; it knows them afterwards."""
    rows = []
    for known in trades:
        trade = known.trade
        result, fee, other = ledger.add(trade, prices, known.fee)
        currency = with_base(hopper, bases, trade.at).base
        rate = _rate(known, currency)
        if rate is None:
            rate = prices(trade.pair.exchange, trade.pair.quote, currency, trade.at)
        rows.append(TradeResult(trade, None if other else fee, currency, rate, result))
    return rows


def _is_fee_asked(known: KnownTrade) -> bool:
    return known.fee is None and is_third(known.trade)


def is_third(trade: Trade) -> bool:
    """Whether a trade's fee was paid in neither of its coins."""
    return bool(trade.fee) and trade.fee_currency not in (trade.pair.base, trade.pair.quote)


def _rate(known: KnownTrade, currency: Asset) -> Decimal | None:
    """Units of ``currency`` for one of the trade's quote, as far as nobody must be asked."""
    if known.trade.pair.quote == currency:
        return _ONE
    return known.rate if known.currency == currency else None

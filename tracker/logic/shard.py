"""A shard: many hoppers' books, candles and ages, driven by ticks and by the clock that is handed in."""

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
from google.protobuf.message import DecodeError

from cryptwire.clock import from_us, to_us
from cryptwire.codec.portfolio import settled_part
from cryptwire.domain.account import Account
from cryptwire.domain.candle import SPAN, Candle, Quality
from cryptwire.domain.hopper import Asset, Exchange, Hopper, HopperId
from cryptwire.domain.portfolio import FlowCandidate
from cryptwire.domain.ticker import Feed, Pair, Ticker, positive
from cryptwire.domain.trade import Trade
from cryptwire.errors import Invalid
from generated.wire.v1 import candle_pb2, portfolio_pb2
from tracker.logic.book import Book, Phase
from tracker.logic.flows import is_flow
from tracker.logic.pulse import FRESH_US, Pulse

_US = timedelta(microseconds=1)
_LAST_US = to_us(datetime(9000, 1, 1, tzinfo=UTC))  # no state is from then


class Shard:
    """Portfolios of many hoppers, each tick valued, each boundary closed exactly.

    A tick belongs to the candle that its ``received_at`` falls into. ``span`` is fifteen minutes (tests may shorten
    it); ``fresh`` how long a frame keeps an exchange's prices fresh. Moments inside are microseconds.
    """

    def __init__(self, span: timedelta = SPAN, fresh: timedelta = timedelta(microseconds=FRESH_US)) -> None:
        self.book = Book()
        self.span = span // _US
        self._fresh = fresh // _US
        self._pulses: dict[Exchange, Pulse] = {}
        self._hoppers: dict[HopperId, tuple[Hopper, int]] = {}
        self._accounts: dict[HopperId, Account] = {}
        self._settled: dict[HopperId, bytes] = {}
        self._by_row: dict[int, HopperId] = {}
        self._begun_late: dict[HopperId, int] = {}  # gap that a row had when it came into the candle in progress
        self._volumes: dict[HopperId, float] = {}
        self._counted: dict[HopperId, set[str]] = {}  # ids of the trades in a volume: each counts once
        self.opened_at: int | None = None
        self.seen_to = 0
        self.faults: list[str] = []

    # -- hoppers ---------------------------------------------------------------------------------------------------

    @property
    def hoppers(self) -> list[HopperId]:
        """Those whose balances are known."""
        return list(self._hoppers)

    def holds(self, hopper: HopperId) -> bool:
        return hopper in self._hoppers

    def account(self, hopper: HopperId) -> Account:
        """What a hopper was last told to hold."""
        return self._accounts[hopper]

    def take_in(self, hopper: Hopper, fence: int, account: Account, now: datetime) -> None:
        """Hold a hopper; its candles begin at the first boundary after all its assets are priced."""
        at = to_us(now)
        self.begin(at)
        assert self.opened_at is not None
        row = self.book.add(hopper.id, hopper.exchange, hopper.base, _floats(account))
        self._by_row[row] = hopper.id
        self._hoppers[hopper.id] = (hopper, fence)
        silent = self._pulse(hopper.exchange, at).count(at)  # counts for it too, and is not to count twice
        self._begun_late[hopper.id] = min(self.span, max(0, at - self.opened_at - silent))
        self._volumes[hopper.id] = 0.0
        self._counted[hopper.id] = set()
        self._settle(account)

    def let_go(self, hopper: HopperId) -> None:
        """Hold a hopper no longer."""
        del self._by_row[self.book.rows[hopper]]
        self.book.remove(hopper)
        of_each = self._accounts, self._settled, self._begun_late, self._volumes, self._counted
        for known in (self._hoppers, *of_each):
            known.pop(hopper, None)

    def renew(
        self, account: Account, now: datetime, unexplained: Mapping[Asset, Decimal] | None = None
    ) -> list[FlowCandidate]:
        """New balances and positions of a hopper, all at this instant, which is ``now``.

        Of what no trade explains the candidates for flows come back, largest first, at this instant's prices and with
        the value right before; the live messages show the first until the next poll.
        """
        hopper, fence = self._hoppers[account.hopper]
        row = self.book.rows[account.hopper]
        before = float(self.book.values[row])
        self.book.hold(account.hopper, _floats(account))
        flows = []
        for asset, quantity in (unexplained or {}).items():
            price = self.book.price(hopper.exchange, hopper.base, asset)
            if price is not None and is_flow(quantity, price, max(before, float(self.book.values[row]))):
                flows.append(FlowCandidate(hopper.id, now, asset, quantity, price, before, fence))
        flows.sort(key=lambda flow: -abs(float(flow.quantity)) * flow.price)
        self._settle(account, flows[0] if flows else None)
        return flows

    def set_fence(self, hopper: HopperId, fence: int) -> None:
        self._hoppers[hopper] = (self._hoppers[hopper][0], fence)

    def _settle(self, account: Account, flow: FlowCandidate | None = None) -> None:
        hopper = self._hoppers[account.hopper][0]
        self._accounts[account.hopper] = account
        assets = [asset for asset, _ in self.book.holdings(account.hopper)]
        self._settled[account.hopper] = settled_part(account, hopper.base, assets, flow)

    # -- what comes in ---------------------------------------------------------------------------------------------

    def begin(self, at: int) -> None:
        """The first moment: the candle that it falls into is in progress from now on."""
        if self.opened_at is None:
            self.opened_at = at - at % self.span
            self.seen_to = at

    def on_ticker(self, ticker: Ticker) -> list[Candle]:
        """Value a tick; before it, the candles of every boundary that it is stamped at or after."""
        return self.on_price(to_us(ticker.received_at), ticker.pair, ticker.last)

    def on_price(self, at: int, pair: Pair, price: float) -> list[Candle]:
        """The same for a pair's price that was received at ``at`` microseconds."""
        closed = self.advance(at)
        self._pulse(pair.exchange, at).heard(at)
        self.book.on_price(pair, price, at)
        if at > self.seen_to:
            self.seen_to = at
        return closed

    def on_last_price(self, ticker: Ticker) -> None:
        """A price that was kept for us: it counts to the candle in progress whenever it was received."""
        self.book.on_price(ticker.pair, ticker.last, to_us(ticker.received_at))

    def on_feed(self, feed: Feed, now: datetime) -> None:
        """The exchange was heard, or was not."""
        pulse = self._pulse(feed.exchange, to_us(now))
        pulse.lasts = max(self._fresh, 2 * (feed.interval // _US))
        if feed.last_frame_at is not None:
            pulse.heard(min(to_us(feed.last_frame_at), to_us(now)))

    def on_trade(self, trade: Trade) -> None:
        """Add a fill to the volume of the candle that it falls into, once, if that is the one in progress."""
        known = self._hoppers.get(trade.hopper)
        if known is None or self.opened_at is None or trade.pair.quote != known[0].base:
            return
        counted = self._counted[trade.hopper]
        if trade.id in counted:
            return
        if self.opened_at <= to_us(trade.at) < self.opened_at + self.span:
            counted.add(trade.id)
            self._volumes[trade.hopper] += float(trade.total)

    def advance(self, to: int) -> list[Candle]:
        """The clock stands at ``to``: the candles of every boundary at or before it, oldest first."""
        if self.opened_at is None:
            self.begin(to)
        assert self.opened_at is not None
        if to < self.opened_at + self.span:
            return []
        closed: list[Candle] = []
        while to >= self.opened_at + self.span:
            closed += self._close(self.opened_at + self.span)
        return closed

    def _pulse(self, exchange: Exchange, at: int) -> Pulse:
        pulse = self._pulses.get(exchange)
        if pulse is None:
            pulse = self._pulses[exchange] = Pulse.silent_since(at)
            pulse.lasts = self._fresh
        return pulse

    def _close(self, boundary: int) -> list[Candle]:
        assert self.opened_at is not None
        opened_at = from_us(self.opened_at)
        gaps = {exchange: pulse.count(boundary) for exchange, pulse in self._pulses.items()}
        columns = self.book.close()
        candles: list[Candle] = []
        for row, open_, high, low, close in zip(
            *(array.tolist() for array in (columns.rows, columns.opens, columns.highs, columns.lows, columns.closes)),
            strict=True,
        ):
            hopper, fence = self._hoppers[self._by_row[row]]
            gap = min(self.span, gaps.get(hopper.exchange, 0) + self._begun_late.get(hopper.id, 0))
            quality = Quality.PARTIAL if gap else Quality.COMPLETE
            try:
                candles.append(Candle(hopper.id, opened_at, open_, high, low, close, gap * _US, quality, fence))
            except Invalid as fault:  # one portfolio's fault is not another's
                self.faults.append(str(fault))
        for pulse in self._pulses.values():
            pulse.reset()
        self._begun_late.clear()
        self._volumes = dict.fromkeys(self._hoppers, 0.0)
        self._counted = {name: set() for name in self._hoppers}
        self.opened_at = boundary
        self.seen_to = max(self.seen_to, boundary)
        return candles

    # -- what goes out ---------------------------------------------------------------------------------------------

    def live(self, now: datetime) -> Iterator[tuple[HopperId, bytes]]:
        """The live message of every priced hopper, serialised."""
        assert self.opened_at is not None
        at = to_us(now)
        upto = min(at, self.opened_at + self.span)  # what is beyond counts to the next candle
        ages = {name: (pulse.count(upto), pulse.is_fresh(at), pulse.last_heard) for name, pulse in self._pulses.items()}
        book, opened_at = self.book, self.opened_at
        not_negative = np.maximum(book.lows, 0.0), np.maximum(book.values, 0.0)  # see Book.close
        columns = (book.opens, book.highs, *not_negative, book.phases, book.newest())
        opens, highs, lows, values, phases, newest = (array.tolist() for array in columns)
        for name, row in list(book.rows.items()):
            if phases[row] < Phase.OPENING or name not in self._hoppers:
                continue
            hopper, fence = self._hoppers[name]
            gap, is_fresh, heard_at = ages.get(hopper.exchange, (0, False, 0))
            gap = min(self.span, gap + self._begun_late.get(name, 0))
            message = portfolio_pb2.Portfolio(
                at_us=at,
                candle=candle_pb2.Candle(
                    hopper_id=name,
                    opened_at_us=opened_at,
                    open=opens[row],
                    high=highs[row],
                    low=lows[row],
                    close=values[row],
                    gap_us=gap,
                    quality=candle_pb2.QUALITY_PARTIAL if gap else candle_pb2.QUALITY_COMPLETE,
                    fence=fence,
                ),
                volume=self._volumes.get(name, 0.0),
                is_fresh=is_fresh,
                prices_at_us=heard_at,
                newest_price_at_us=newest[row],
                prices=book.prices_of(row),
            )
            yield name, message.SerializeToString() + self._settled[name]

    # -- through a kill --------------------------------------------------------------------------------------------

    def state(self, now: datetime) -> bytes:
        """What must not be forgotten, serialised."""
        at = to_us(now)
        for pulse in self._pulses.values():
            pulse.count(at if self.opened_at is None else min(at, self.opened_at + self.span))
        self.seen_to = max(self.seen_to, at)
        book = self.book
        names = [name for name in book.rows if name in self._hoppers]
        rows = np.fromiter((book.rows[name] for name in names), np.intp, len(names))
        gap_of = {exchange: pulse.gap for exchange, pulse in self._pulses.items()}
        return portfolio_pb2.ShardState(
            opened_at_us=self.opened_at or 0,
            seen_to_us=self.seen_to,
            hopper_ids=names,
            opens=book.opens[rows].tolist(),
            highs=book.highs[rows].tolist(),
            lows=np.maximum(book.lows[rows], 0.0).tolist(),
            gaps=[
                min(self.span, gap_of.get(self._hoppers[name][0].exchange, 0) + self._begun_late.get(name, 0)) / 1e6
                for name in names
            ],
            volumes=[self._volumes.get(name, 0.0) for name in names],
            phases=book.phases[rows].tolist(),
            prices=[
                portfolio_pb2.PairPrice(
                    exchange=pair.exchange, base=pair.base, quote=pair.quote, last=last, received_at_us=received
                )
                for pair, last, received in book.used_prices()
            ],
            counted_trades=sorted(f"{name}/{trade}" for name, trades in self._counted.items() for trade in trades),
        ).SerializeToString()

    def restore(
        self, state: bytes, hoppers: Iterable[tuple[Hopper, int]], accounts: dict[HopperId, Account]
    ) -> list[HopperId]:
        """Go on where ``state`` was written, with those of ``hoppers`` that were in it; gives these.

        Time since then counts as gap, and boundaries that passed are closed by the next ``advance``: flat and partial.
        A hopper whose own part is damaged is left out and named in ``faults``. Raises Invalid, changing nothing, when
        the rest is.
        """
        kept = _read(state, self.span)
        self.opened_at, self.seen_to = kept.opened_at_us, kept.seen_to_us
        for price in kept.prices:
            pair = Pair(Exchange(price.exchange), Asset(price.base), Asset(price.quote))
            self.book.on_price(pair, price.last, price.received_at_us)
        index = {name: number for number, name in enumerate(kept.hopper_ids)}
        restored = []
        for hopper, fence in hoppers:
            number, account = index.get(hopper.id), accounts.get(hopper.id)
            if number is None or account is None:
                continue
            open_, high, low = kept.opens[number], kept.highs[number], kept.lows[number]
            gap, volume, phase = kept.gaps[number] * 1e6, kept.volumes[number], kept.phases[number]
            is_begun = phase >= Phase.OPENING
            if (
                phase not in (Phase.WAITING, Phase.OPENING, Phase.TRACKED)
                or not all(map(math.isfinite, (open_, high, low, volume)))
                or (is_begun and not 0 <= low <= open_ <= high)
                or not 0 <= gap <= self.span
            ):
                self.faults.append(f"{hopper.id}: its kept candle cannot be")
                continue
            try:
                self.take_in(hopper, fence, account, from_us(self.seen_to))
            except Invalid as fault:
                self.faults.append(str(fault))
                continue
            if is_begun:
                self.book.restore(hopper.id, Phase(phase), open_, high, low)
            self._begun_late[hopper.id] = round(gap)
            self._volumes[hopper.id] = volume
            restored.append(hopper.id)
        for key in kept.counted_trades:
            name, _, trade = key.partition("/")
            if HopperId(name) in self._counted:
                self._counted[HopperId(name)].add(trade)
        return restored


def _read(state: bytes, span: int) -> portfolio_pb2.ShardState:
    """The state, whose columns have one length and whose moments and prices can be; raises Invalid."""
    try:
        kept = portfolio_pb2.ShardState.FromString(state)
    except DecodeError as error:
        raise Invalid("the shard's state cannot be read") from error
    columns = (kept.opens, kept.highs, kept.lows, kept.gaps, kept.volumes)
    sizes = {len(kept.hopper_ids), len(kept.phases), *(len(column) for column in columns)}
    if len(sizes) != 1 or kept.opened_at_us % span or not 0 < kept.opened_at_us <= kept.seen_to_us <= _LAST_US:
        raise Invalid("the shard's state contradicts itself")
    for price in kept.prices:
        positive(price.last)
        if not 0 <= price.received_at_us <= _LAST_US:
            raise Invalid("the shard's state contradicts itself")
    return kept


def _floats(account: Account) -> dict[Asset, float]:
    return {asset: float(quantity) for asset, quantity in account.quantities.items()}

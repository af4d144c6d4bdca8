"""What trades close, said once more by a naive second implementation: exact fractions, every lot for itself."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.lots import SEVERAL
from cryptwire.domain.result import Ledger, Result, ledger_of
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from tests.unit.cryptwire.domain.lots import results

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUY, SELL = Side.BUY, Side.SELL
D = Decimal
CRUMB = Fraction(1, 1000)


def trade(number: int, side: Side, quantity: str, rate: str = "10", **told: str | None) -> Trade:
    pair = Pair(Exchange("binance"), Asset(told.get("base") or "ETH"), Asset(told.get("quote") or "USDT"))
    amounts = D(quantity), D(rate), D(quantity) * D(rate), D(told.get("fee") or "0")
    fee_in = Asset(told.get("fee_in") or pair.quote)
    names = told.get("closes"), told.get("trigger"), None, told.get("strategy")
    return Trade(HopperId("1"), TradeId(str(number)), pair, side, *amounts, fee_in, T + number * HOUR, *names)


def prices(exchange: Exchange, asset: Asset, into: Asset, at: datetime) -> Decimal | None:
    """Some that anybody would know, each hour another; of every seventh hour nobody knows any."""
    hours = (at - T) // HOUR
    if hours % 7 == 6:
        return None
    return D(len(asset) * 100 + hours) / len(into)


# ---- the naive way -----------------------------------------------------------------------------------------------


@dataclass
class Held:
    """A lot, or a short."""

    of: Trade
    quantity: Fraction
    cost: Fraction
    fees: Fraction

    def cut(self, share: Fraction) -> "Held":
        part = Held(self.of, self.quantity * share, self.cost * share, self.fees * share)
        self.quantity, self.cost, self.fees = (
            mine - its
            for mine, its in zip(
                (self.quantity, self.cost, self.fees), (part.quantity, part.cost, part.fees), strict=True
            )
        )
        return part


@dataclass
class Closed:
    quantity: Fraction
    proceeds: Fraction
    cost: Fraction | None
    fees: Fraction
    opened: Fraction | None  # hours since T
    names: tuple[str | None, str | None]
    is_short: bool = False


class Naive:
    def __init__(self) -> None:
        self.lots: list[Held] = []
        self.shorts: list[Held] = []

    def add(self, one: Trade) -> Closed | None:
        fee, gone = Fraction(one.fee), Fraction(one.quantity)
        if one.fee_currency not in (one.pair.quote, one.pair.base):
            price = prices(one.pair.exchange, one.fee_currency, one.pair.quote, one.at)
            fee = fee * Fraction(price) if price is not None else Fraction(0)
        sign = 1 if one.side is BUY else -1
        money = Fraction(one.total) + sign * fee
        if one.fee_currency == one.pair.base:
            gone -= sign * Fraction(one.fee)
            money, fee = Fraction(one.total), fee * Fraction(one.rate)
        if gone <= 0:
            return None
        return self.buy(one, gone, money, fee) if one.side is BUY else self.sell(one, gone, money, fee)

    def buy(self, one: Trade, got: Fraction, paid: Fraction, fee: Fraction) -> Closed | None:
        mine = Held(one, got, paid, fee)
        found = None
        for short in self.shorts:
            if one.buy_id and short.of.id == one.buy_id:
                closed = min(got, short.quantity)
                was = short.cut(closed / short.quantity)
                part = mine.cut(closed / got)
                names = short.of.trigger, short.of.strategy
                found = Closed(closed, was.cost, part.cost, was.fees + part.fees, hours(short.of), names, is_short=True)
        self.shorts = [short for short in self.shorts if short.quantity]
        if mine.quantity:
            self.lots.append(mine)
        return found

    def sell(self, one: Trade, gone: Fraction, brought: Fraction, fee: Fraction) -> Closed:
        left, parts = gone, list[Held]()
        for lot in self.lots:
            if one.buy_id and lot.of.id == one.buy_id and lot.of.pair.base == one.pair.base:
                parts.append(lot.cut(min(left, lot.quantity) / lot.quantity))
                left -= parts[0].quantity
        self.lots = [lot for lot in self.lots if lot.quantity]
        others = [lot for lot in self.lots if lot.of.pair.base == one.pair.base]
        whole = sum((lot.quantity for lot in others), Fraction(0))
        if left and whole and (not parts or left > Fraction(one.quantity) * CRUMB):
            share = min(Fraction(1), left / whole)
            parts += [lot.cut(share) for lot in others]
            left = gone - sum(part.quantity for part in parts)
        self.lots = [lot for lot in self.lots if lot.quantity]
        if left > gone * CRUMB:
            short = Held(one, gone, brought, fee).cut(left / gone)
            self.shorts.append(short)
            if not parts:
                return Closed(gone, brought, None, fee, None, (None, None))
            brought, fee = brought - short.cost, fee - short.fees
        cost: Fraction | None = Fraction(0)
        for part in parts:
            pair = part.of.pair
            rate = (
                D(1) if pair.quote == one.pair.quote else prices(pair.exchange, pair.quote, one.pair.quote, part.of.at)
            )
            cost = None if cost is None or rate is None else cost + part.cost * Fraction(rate)
            fee += part.fees * Fraction(rate or 0)
        known = sum(part.quantity for part in parts)
        opened = sum(hours(part.of) * part.quantity for part in parts) / known
        names = (
            name([(part.of.trigger, part.quantity) for part in parts]),
            name([(part.of.strategy, part.quantity) for part in parts]),
        )
        return Closed(Fraction(known), brought, cost, fee, Fraction(opened), names)


def hours(one: Trade) -> Fraction:
    return Fraction((one.at - T) // HOUR)


def name(shares: list[tuple[str | None, Fraction]]) -> str | None:
    whole = sum(amount for _, amount in shares)
    counted = {each for each, _ in shares if sum(amount for other, amount in shares if other == each) > whole * CRUMB}
    if counted in ({None}, set()):
        return None
    if len(counted) == 1:
        return counted.pop()
    return None if len(counted - {None}) == 1 else SEVERAL


def is_near(ours: Decimal | None, naive: Fraction | None) -> bool:
    if ours is None or naive is None:
        return ours is None and naive is None
    return abs(Fraction(ours) - naive) < Fraction(1, 10**12)


# ---- random lives ------------------------------------------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> list[Trade]:
    """Buys and sells of two coins for two quotes: DCA, parts, shorts, unknown coins, fees in quote, coin and BNB."""
    trades: list[Trade] = []
    names = st.sampled_from([None, "macd", "rsi"])
    for number in range(draw(st.integers(1, 24))):
        side = draw(st.sampled_from([BUY, SELL]))
        ids = [one.id for one in trades if one.side is not side]
        trades.append(
            trade(
                number,
                side,
                str(draw(st.decimals("0.01", "30", places=2))),
                str(draw(st.decimals("0.01", "9999", places=2))),
                base=draw(st.sampled_from(["ETH", "ETH", "XRP"])),
                quote=draw(st.sampled_from(["USDT", "USDT", "BTC"])),
                fee=str(draw(st.decimals("0", "0.02", places=4))),
                fee_in=draw(st.sampled_from([None, "ETH", "BNB"])),
                closes=draw(st.sampled_from([*ids[-4:], None, "99"])),
                trigger=draw(names),
                strategy=draw(names),
            )
        )
    return trades


def told(trades: Sequence[Trade]) -> list[Result]:
    return results(trades, prices)


@given(histories())
def test_the_naive_way_says_the_same(trades: list[Trade]) -> None:
    naive, ledger = Naive(), Ledger()
    for one in trades:
        ours, expected = ledger.add(one, prices)[0], naive.add(one)
        if ours is None or expected is None:
            assert ours is None
            assert expected is None
            continue
        assert is_near(ours.quantity, expected.quantity)
        assert is_near(ours.proceeds, expected.proceeds)
        assert is_near(ours.cost, expected.cost)
        assert is_near(ours.fees, expected.fees)
        assert (ours.buy_trigger, ours.buy_strategy) == expected.names
        assert ours.is_short is expected.is_short
        if ours.opened_at is None or expected.opened is None:
            assert ours.opened_at is None
            assert expected.opened is None
        else:
            assert abs((ours.opened_at - T) / HOUR - float(expected.opened)) < 1e-8
    left = {lot.id: lot for lot in ledger.lots}
    for lot in naive.lots:
        if lot.quantity > Fraction(1, 10**12):
            assert is_near(left[lot.of.id].quantity, lot.quantity)
            assert is_near(left[lot.of.id].cost, lot.cost)


@given(histories(), st.lists(st.integers(0, 24), max_size=4))
def test_kept_anywhere_and_read_again_it_goes_on_to_the_last_digit(trades: list[Trade], cuts: list[int]) -> None:
    ledger, found = Ledger(), list[Result | None]()
    for number, one in enumerate(trades):
        if number in cuts:
            ledger = ledger_of(json.loads(json.dumps(ledger.as_json())))
        found.append(ledger.add(one, prices)[0])
    assert [each for each in found if each is not None] == told(trades)


@given(histories())
def test_what_was_paid_is_what_sells_cost_and_what_is_left_costs_exactly(trades: list[Trade]) -> None:
    same = [one for one in trades if one.pair.quote == "USDT"]
    ledger, cost, paid, brought, took = Ledger(), D(0), D(0), D(0), D(0)
    for one in same:
        shorts = sum((lot.cost for lot in ledger.shorts.values()), D(0))
        result, fee, _ = ledger.add(one, prices)
        in_coin = one.fee_currency == one.pair.base
        if one.side is BUY and (not in_coin or one.quantity > one.fee):
            paid += one.total + (D(0) if in_coin else fee)
            cost += (result.cost or D(0)) if result else D(0)
        if one.side is SELL:
            brought += one.total - (D(0) if in_coin else fee)
            cost += (result.cost or D(0)) if result else D(0)
            took += result.proceeds if result and result.cost is not None else D(0)
            took += sum((lot.cost for lot in ledger.shorts.values()), D(0)) - shorts
    assert cost + sum(lot.cost for lot in ledger.lots) == paid
    assert took == brought


# ---- one by one --------------------------------------------------------------------------------------------------


def names_of(*trades: Trade) -> list[tuple[str | None, str | None]]:
    return [(result.buy_trigger, result.buy_strategy) for result in told(trades)]


def test_a_result_knows_what_opened_it() -> None:
    bought = [
        trade(1, BUY, "1", trigger="Signal", strategy="macd"),
        trade(2, BUY, "1", trigger="DCA", strategy="macd"),
        trade(3, BUY, "1", trigger="Signal"),
    ]
    assert names_of(*bought, trade(4, SELL, "1", closes="2")) == [("DCA", "macd")]
    assert names_of(*bought[:2], trade(4, SELL, "2")) == [(SEVERAL, "macd")]
    assert names_of(*bought, trade(4, SELL, "3")) == [(SEVERAL, None)], "one did not say its strategy: it may be it"
    assert names_of(bought[0], bought[2], trade(4, SELL, "2")) == [("Signal", None)]
    assert names_of(trade(4, SELL, "2")) == [(None, None)]


def test_a_crumb_of_something_else_is_nothing_else() -> None:
    trades = [trade(1, BUY, "1", trigger="old"), trade(2, SELL, "0.9999"), trade(3, BUY, "1", trigger="new")]
    assert names_of(*trades, trade(4, SELL, "1.0001"))[1] == ("new", None)
    trades[1] = trade(2, SELL, "0.9")
    assert names_of(*trades, trade(4, SELL, "1.1"))[1] == (SEVERAL, None)


def test_a_short_was_opened_by_its_sale() -> None:
    sold = trade(1, SELL, "2", trigger="Short", strategy="rsi")
    found = told([sold, trade(2, BUY, "2", trigger="Take profit", closes="1")])[1]
    assert (found.is_short, found.opened_at) == (True, sold.at)
    assert (found.buy_trigger, found.buy_strategy) == ("Short", "rsi")


def test_a_ledger_kept_before_lots_knew_what_had_opened_them_goes_on() -> None:
    lot = ["1", "binance", "ETH", "USDT", T.isoformat(), "2", "21.5", "0.5"]
    ledger = ledger_of({"lots": [lot], "shorts": [["2", "binance", "XRP", "USDT", T.isoformat(), "9", "8", "1"]]})
    found, _, _ = ledger.add(trade(3, SELL, "1", "20", closes="1"), prices)
    assert found is not None
    assert (found.cost, found.opened_at, found.buy_trigger) == (D("10.75"), T, None)
    found, _, _ = ledger.add(trade(4, BUY, "9", "1", base="XRP", closes="2"), prices)
    assert found is not None
    assert (found.net, found.is_short) == (D(-1), True)


def test_of_lots_that_shares_have_left_nothing_of_none_is_kept_and_no_cost_is_lost() -> None:
    """A hopper whose sells never name a buy, and that never sells the very last of it."""
    ledger, cost, paid = Ledger(), D(0), D(0)
    for number in range(2_000):
        one = trade(2 * number, BUY, "3", "33.33", fee="0.07")
        paid += one.total + one.fee
        ledger.add(one, prices)
        found, _, _ = ledger.add(trade(2 * number + 1, SELL, "2.99", "40"), prices)
        assert found is not None
        cost += found.cost or D(0)
    assert len(ledger.as_json()["lots"]) < 500
    assert cost + sum(lot.cost for lot in ledger.lots) == paid
    assert sum(lot.quantity for lot in ledger.lots) == 2_000 * D("0.01")

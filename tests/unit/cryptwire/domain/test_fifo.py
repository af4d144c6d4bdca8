"""What went is what came first; nothing is lost; and a second, naive way of counting says the same."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given

from cryptwire.domain.fifo import EXACT, Booked, Books, Disposal, Lot, Mark, Prices, Why, place
from cryptwire.domain.flow import Flow, FlowKind, FlowState
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Trade
from tests.unit.cryptwire.domain.lots import (
    BNB,
    BTC,
    BUY,
    ETH,
    EUR,
    HOUR,
    SELL,
    USDT,
    D,
    T,
    flow,
    lives,
    prices,
    trade,
    worth_of,
)


def book(books: Books, events: Iterable[Trade | Flow], known: Prices = prices) -> list[Booked]:
    return [
        books.trade(event, known) if isinstance(event, Trade) else books.flow(event, worth_of(event, known))
        for event in sorted(events, key=place)
    ]


def told(*events: Trade | Flow, known: Prices = prices) -> tuple[list[Disposal], list[Lot]]:
    books = Books(EUR)
    return [gone for each in book(books, events, known) for gone in each.disposals], list(books.lots())


def short(gone: Disposal) -> tuple[Any, ...]:
    return gone.asset, gone.why, gone.quantity, gone.proceeds, gone.cost, {mark.value for mark in gone.marks}


def test_the_oldest_goes_first_and_a_lot_is_taken_in_parts() -> None:
    gone, left = told(
        trade(1, BUY, "BTC/EUR", "1", "100", "1 EUR"),
        trade(2, BUY, "BTC/EUR", "2", "200", "1 EUR"),
        trade(3, SELL, "BTC/EUR", "1.5", "300", "3 EUR"),
    )
    assert [(one.acquired_at, *short(one)) for one in gone] == [
        (T + HOUR, BTC, Why.SALE, D(1), D(298), D(101), set()),
        (T + 2 * HOUR, BTC, Why.SALE, D("0.5"), D(149), D("100.25"), set()),
    ], "the fee is in what a lot cost, and out of what it brought"
    assert [(lot.quantity, lot.cost) for lot in left] == [(D("1.5"), D("300.75"))]
    assert gone[0].gain == D(197)


def test_paying_with_a_coin_disposes_of_it_at_what_it_was_worth() -> None:
    gone, left = told(trade(1, BUY, "BTC/EUR", "1", "40000"), trade(2, BUY, "ETH/BTC", "10", "0.05"))
    worth = D("0.5") * prices(BTC, T + 2 * HOUR)  # type: ignore[operator]
    assert [short(one) for one in gone] == [(BTC, Why.PAYMENT, D("0.5"), worth, D(20_000), set())]
    assert [(lot.asset, lot.quantity, lot.cost) for lot in left] == [(BTC, D("0.5"), D(20_000)), (ETH, D(10), worth)]


def test_a_fee_in_a_third_coin_disposes_of_it_and_is_borne_by_the_trade() -> None:
    gone, left = told(
        trade(1, BUY, "BNB/EUR", "1", "300"),
        trade(2, BUY, "BTC/EUR", "1", "40000", "0.1 BNB"),
        trade(3, SELL, "BTC/EUR", "1", "41000", "0.1 BNB"),
    )
    first, second = (D("0.1") * D(500) * percent / 100 for percent in (102, 103))
    assert [short(one) for one in gone] == [
        (BNB, Why.FEE, D("0.1"), first, D(30), set()),
        (BTC, Why.SALE, D(1), 41_000 - second, 40_000 + first, set()),
        (BNB, Why.FEE, D("0.1"), second, D(30), set()),
    ]
    assert [(lot.asset, lot.quantity, lot.cost) for lot in left] == [(BNB, D("0.8"), D(240))]


def test_a_fee_in_the_trades_own_coin_is_valued_by_the_trade() -> None:
    gone, left = told(trade(1, BUY, "BTC/EUR", "1", "100", "0.01 BTC"))
    assert [short(one) for one in gone] == [(BTC, Why.FEE, D("0.01"), D(1), D("1.01"), set())]
    assert [(lot.quantity, lot.cost) for lot in left] == [(D("0.99"), D("99.99"))]
    gone, left = told(trade(1, BUY, "BTC/EUR", "1", "100"), trade(2, SELL, "BTC/USDT", "1", "200", "2 USDT"))
    worth = 200 * D("0.9") * 102 / 100
    assert [short(one)[:5] for one in gone] == [
        (BTC, Why.SALE, D(1), worth * D("0.99"), D(100)),
        (USDT, Why.FEE, D(2), worth / 100, worth / 100),
    ]
    assert [(lot.asset, lot.quantity, lot.cost) for lot in left] == [(USDT, D(198), worth * D("0.99"))]


def test_the_reports_currency_is_no_lot_and_prices_the_trade_itself() -> None:
    gone, left = told(trade(1, SELL, "EUR/USDT", "100", "1.1", "1 EUR"))
    assert (gone, [(lot.asset, lot.quantity, lot.cost) for lot in left]) == ([], [(USDT, D(110), D(101))])
    gone, left = told(
        trade(1, SELL, "EUR/USDT", "100", "1.1"), trade(2, BUY, "EUR/USDT", "60", "1.1", "2 EUR"), known=lambda *_: None
    )
    assert [short(one) for one in gone] == [(USDT, Why.PAYMENT, D(66), D(58), D(60), set())]
    assert [(lot.quantity, lot.cost) for lot in left] == [(D(44), D(40))]


def test_a_deposit_is_marked_and_a_withdrawal_takes_the_oldest_at_no_gain() -> None:
    gone, left = told(
        flow(1, FlowKind.DEPOSIT, BTC, "1"),
        trade(2, BUY, "BTC/EUR", "1", "100"),
        flow(3, FlowKind.WITHDRAWAL, BTC, "-1.5"),
        trade(4, SELL, "BTC/EUR", "0.5", "300"),
    )
    cost = D(50_500)
    assert [short(one) for one in gone] == [
        (BTC, Why.WITHDRAWAL, D(1), cost, cost, {"cost unknown"}),
        (BTC, Why.WITHDRAWAL, D("0.5"), D(50), D(50), set()),
        (BTC, Why.SALE, D("0.5"), D(150), D(50), set()),
    ]
    assert gone[0].gain == 0
    assert left == []


def test_income_opens_a_lot_and_a_conversion_is_a_disposal_and_an_acquisition() -> None:
    gone, left = told(
        flow(1, FlowKind.INCOME, ETH, "1"),
        flow(2, FlowKind.CONVERSION, ETH, "-1"),
        flow(3, FlowKind.CONVERSION, USDT, "2000"),
    )
    assert [short(one) for one in gone] == [(ETH, Why.CONVERSION, D(1), D(2040), D(2020), {"income"})]
    assert [(lot.asset, lot.cost, lot.marks) for lot in left] == [(USDT, D(1854), frozenset())]


def test_what_did_not_move_or_moved_between_own_hoppers_changes_nothing() -> None:
    gone, left = told(
        flow(1, FlowKind.TRANSFER, BTC, "-1"),
        flow(2, FlowKind.TRANSFER, BTC, "1"),
        flow(3, FlowKind.DEPOSIT, BTC, "1", FlowState.OPEN),
        flow(4, FlowKind.DEPOSIT, BTC, "1", FlowState.REJECTED),
        flow(5, FlowKind.DATA_ERROR, BTC, "-1"),
        flow(6, FlowKind.DEPOSIT, EUR, "1000"),
        flow(7, FlowKind.WITHDRAWAL, EUR, "-1000"),
    )
    assert (gone, left) == ([], [])


def test_what_goes_beyond_what_is_held_is_not_covered() -> None:
    gone, left = told(trade(1, BUY, "BTC/EUR", "1", "100"), trade(2, SELL, "BTC/EUR", "4", "300"))
    assert [(one.acquired_at, *short(one)) for one in gone] == [
        (T + HOUR, BTC, Why.SALE, D(1), D(300), D(100), set()),
        (None, BTC, Why.SALE, D(3), D(900), None, {"not covered"}),
    ]
    assert gone[1].gain is None, "what it cost is not known, and that is not nothing"
    assert left == []
    (went,), _ = told(flow(1, FlowKind.WITHDRAWAL, BTC, "-1"))
    assert short(went)[3:] == (None, None, {"not covered"})


def test_what_cannot_be_priced_is_told_and_is_not_nothing() -> None:
    strange = Asset("ODD")
    gone, left = told(
        trade(1, BUY, "ODD/WEIRD", "1", "2"),
        trade(2, SELL, "ODD/EUR", "0.5", "10", "1 WEIRD"),
        flow(3, FlowKind.DEPOSIT, strange, "1"),
    )
    assert [short(one)[1:] for one in gone] == [
        (Why.PAYMENT, D(2), None, None, {"not covered", "no price"}),
        (Why.SALE, D("0.5"), D(5), None, {"no price"}),
        (Why.FEE, D(1), None, None, {"not covered", "no price"}),
    ]
    assert [lot.cost for lot in left] == [None, None]
    assert [lot.marks for lot in left] == [{Mark.NO_PRICE}, {Mark.NO_PRICE, Mark.COST_UNKNOWN}]


def test_at_one_moment_what_came_is_first_then_buys_then_sells_by_number_then_what_went() -> None:
    events: list[Trade | Flow] = [
        flow(5, FlowKind.DEPOSIT, BTC, "1"),
        trade(9, BUY, "BTC/EUR", "1", "1", hour=5),
        trade(10, BUY, "BTC/EUR", "1", "1", hour=5),
        trade(2, SELL, "BTC/EUR", "1", "1", hour=5),
        flow(5, FlowKind.WITHDRAWAL, BTC, "-1"),
        trade(1, BUY, "BTC/EUR", "1", "1", hour=6),
    ]
    mixed = [events[index] for index in (5, 3, 4, 0, 2, 1)]
    assert sorted(mixed, key=place) == events


# ---- the naive second way: each coin alone, on a line of all units that ever came; in fractions ---------------------


@dataclass
class Came:
    begin: Fraction
    end: Fraction
    cost: Fraction
    at: datetime


class Line:
    """Of one coin: what came lies one behind the other, and what goes is the next piece of the line."""

    def __init__(self) -> None:
        self.came: list[Came] = []
        self.taken = Fraction(0)

    def come(self, at: datetime, units: Fraction, cost: Fraction) -> None:
        begin = self.came[-1].end if self.came else Fraction(0)
        self.came.append(Came(begin, begin + units, cost, at))

    def go(self, units: Fraction) -> tuple[list[tuple[datetime, Fraction, Fraction]], Fraction]:
        """The parts taken, as (when it came, units, cost); and how many units were not there."""
        end = self.came[-1].end if self.came else Fraction(0)
        begin, upto = self.taken, min(self.taken + units, end)
        self.taken = upto
        parts = []
        for lot in self.came:
            overlap = min(upto, lot.end) - max(begin, lot.begin)
            if overlap > 0:
                parts.append((lot.at, overlap, lot.cost * overlap / (lot.end - lot.begin)))
        return parts, units - (upto - begin)


def naive(events: Iterable[Trade | Flow]) -> list[tuple[Asset, list[tuple[datetime, Fraction, Fraction]], Fraction]]:
    """Coin, parts and uncovered units of whatever went, in the order in which it did."""
    lines: dict[Asset, Line] = {}
    gone = []

    def line(asset: Asset) -> Line:
        return lines.setdefault(asset, Line())

    def go(asset: Asset, units: Decimal) -> None:
        if asset != EUR and units > 0:
            gone.append((asset, *line(asset).go(Fraction(units))))

    def price(asset: Asset, at: datetime) -> Fraction:
        return Fraction(1) if asset == EUR else Fraction(prices(asset, at) or 0)

    for event in events:
        at = event.at
        if isinstance(event, Flow):
            if event.asset == EUR or event.kind is FlowKind.TRANSFER:
                continue
            if event.quantity > 0:
                line(event.asset).come(at, Fraction(event.quantity), Fraction(event.quantity) * price(event.asset, at))
            else:
                go(event.asset, -event.quantity)
            continue
        base, quote, units = event.pair.base, event.pair.quote, Fraction(event.quantity)
        of_quote = units / Fraction(event.total) if base == EUR else price(quote, at)
        worth = Fraction(event.total) * of_quote
        fee_price = {base: worth / units, quote: of_quote}.get(event.fee_currency) or price(event.fee_currency, at)
        fee = Fraction(event.fee) * fee_price
        if event.side is BUY:
            go(quote, event.total)
            if base != EUR:
                line(base).come(at, units, worth + fee)
        else:
            go(base, event.quantity)
            if quote != EUR:
                line(quote).come(at, Fraction(event.total), worth + (fee if base == EUR else 0))
        go(event.fee_currency, event.fee)
    return gone


@given(lives())
def test_the_naive_way_says_the_same(events: list[Trade | Flow]) -> None:
    found: list[tuple[Asset, list[tuple[datetime, Fraction, Fraction]], Fraction]] = []
    for booked in book(Books(EUR), events):
        before: tuple[Asset, Why] | None = None
        for gone in booked.disposals:
            if (gone.asset, gone.why) != before:
                found.append((gone.asset, [], Fraction(0)))
                before = gone.asset, gone.why
            if gone.acquired_at is None:
                found[-1] = (*found[-1][:2], Fraction(gone.quantity))
            else:
                found[-1][1].append((gone.acquired_at, Fraction(gone.quantity), Fraction(gone.cost or 0)))
    expected = naive(events)
    assert [(asset, lacks) for asset, _, lacks in found] == [(asset, lacks) for asset, _, lacks in expected]
    for (_, parts, _), (_, naive_parts, _) in zip(found, expected, strict=True):
        assert [part[:2] for part in parts] == [part[:2] for part in naive_parts]
        for part, naive_part in zip(parts, naive_parts, strict=True):
            assert abs(part[2] - naive_part[2]) < Fraction(1, 10**14)


@given(lives())
def test_nothing_is_lost_to_the_last_digit(events: list[Trade | Flow]) -> None:
    """Put in = taken + left, in units and in money; what a disposal brought is the sum of its parts."""
    books = Books(EUR)
    booked = book(books, events)
    units: dict[Asset, Decimal] = {}
    costs: dict[Asset, Decimal] = {}

    def add(asset: Asset, quantity: Decimal, cost: Decimal | None) -> None:
        assert cost is not None
        units[asset] = EXACT.add(units.get(asset, D(0)), quantity)
        costs[asset] = EXACT.add(costs.get(asset, D(0)), cost)

    for each in booked:
        for lot in each.opened:
            add(lot.asset, lot.quantity, lot.cost)
        for gone in each.disposals:
            assert gone.quantity > 0
            if gone.acquired_at is not None:
                add(gone.asset, gone.quantity.copy_negate(), (gone.cost or D(0)).copy_negate())
    for lot in books.lots():
        assert lot.quantity > 0
        add(lot.asset, lot.quantity.copy_negate(), (lot.cost or D(0)).copy_negate())
    assert set(units.values()) | set(costs.values()) <= {D(0)}


@given(lives())
def test_what_came_in_goes_out_as_cost_gain_or_currency(events: list[Trade | Flow]) -> None:
    """The gains of trades in the currency alone are what was got less what was paid and what the rest cost."""
    plain = [
        event
        for event in events
        if isinstance(event, Trade) and event.pair.quote == EUR and event.fee_currency == EUR and event.side is BUY
    ]
    sales: list[Trade] = []
    for number, coin in enumerate((BTC, ETH, BNB), 100):
        held = sum((event.quantity for event in plain if event.pair.base == coin), D(0))
        if held:
            sales.append(trade(number, SELL, f"{coin}/EUR", str(held / 2), "1234.56", "0.5 EUR"))
    books = Books(EUR)
    gains = [gone.gain for each in book(books, [*plain, *sales]) for gone in each.disposals]
    got = sum((sale.total - sale.fee for sale in sales), D(0))
    paid = sum((event.total + event.fee for event in plain), D(0))
    left = sum((lot.cost or D(0) for lot in books.lots()), D(0))
    assert sum(gain for gain in gains if gain is not None) == got - paid + left


def test_hoppers_share_the_users_lots() -> None:
    bought = trade(1, BUY, "BTC/EUR", "1", "100")
    sold = trade(2, SELL, "BTC/EUR", "1", "300")
    gone, left = told(bought, replace(sold, hopper=HopperId("2")))
    assert [(one.hopper, one.gain) for one in gone] == [("2", D(200))]
    assert left == []

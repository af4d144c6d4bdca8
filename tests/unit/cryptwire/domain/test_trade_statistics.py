"""What results say together; a second, naive way of counting from the trades says the same."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.measured import Amount, Measured
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from cryptwire.domain.trade_statistics import (
    EDGES,
    Streaks,
    Tally,
    added,
    extremes,
    histogram,
    holding_times,
    streaks,
)
from tests.unit.cryptwire.domain.lots import results
from tests.unit.cryptwire.domain.outcomes import Outcome, tallies, tally_of

D = Decimal
D0 = Fraction(0)
T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def outcome(number: int, net: str | None, cost: str = "100", fees: str = "0", base: str = "ETH") -> Outcome:
    paid = None if net is None else D(cost)
    return Outcome(TradeId(str(number)), T + number * HOUR, Asset(base), D(cost) + D(net or 0), paid, D(fees))


EXAMPLE = [outcome(number, net) for number, net in enumerate(("10", "-5", "8", "0", "-4"))]
"""The reference's: {+10, −5, +8, 0, −4}."""


def test_the_example_of_the_reference() -> None:
    tally = tally_of(EXAMPLE)
    assert tally.win_rate == Measured(0.5, 4, "2 won, 2 lost, 1 broke even")
    assert tally.profit_factor == Measured(2.0, 5)
    assert tally.payoff == Measured(2.0, 5)
    assert tally.expectancy == Amount(D("1.8"), 5)
    assert tally.expectancy_ratio.value == pytest.approx(0.2)
    assert (tally.mean_gain, tally.mean_loss) == (Amount(D(9), 2), Amount(D("-4.5"), 2))
    assert tally.net == Amount(D(9), 5)


def test_what_is_not_known_is_never_a_win_and_is_told() -> None:
    nobody_knows_its_price = Outcome(TradeId("8"), T, Asset("XYZ"), None, D(1))
    tally = tally_of([*EXAMPLE, outcome(7, None), nobody_knows_its_price])
    assert (tally.count, tally.known, tally.unknown, tally.untold) == (7, 5, 1, 1)
    assert tally.win_rate.value == 0.5
    assert tally.expectancy.amount == D("1.8")
    said = "1 result of unknown cost not counted; 1 result of unknown worth in this currency not counted"
    assert tally.profit_factor.note == said
    assert tally.win_rate.note == f"2 won, 2 lost, 1 broke even; {said}"


def test_nothing_is_divided_by_nothing() -> None:
    won, lost, even, none = (tally_of(some) for some in ([outcome(1, "5")], [outcome(1, "-5")], [outcome(1, "0")], []))
    assert won.profit_factor == Measured(None, 1, "no losing trade")
    assert won.payoff.note == won.expectancy_ratio.note == "no losing trade"
    assert lost.profit_factor.value == 0
    assert lost.payoff.note == "no winning trade"
    assert even.win_rate == Measured(None, 0, "nothing was won or lost; 0 won, 0 lost, 1 broke even")
    assert even.profit_factor.note == "no trade won or lost"
    assert even.fee_drag.value is None
    assert none == Tally()
    assert none.net == Amount(D(0), 0)
    assert none.expectancy == none.mean_gain == none.mean_loss == Amount(None, 0)
    assert none.win_rate.value is none.payoff.value is none.fee_drag.value is None


def test_fee_drag_is_fees_by_what_was_moved_before_them() -> None:
    tally = tally_of([outcome(1, "8", fees="2"), outcome(2, "-11", fees="1"), outcome(3, None, fees="77")])
    assert tally.fee_drag == Measured(3 / 20, 2, "1 result of unknown cost not counted")


def test_sums_are_right_to_the_last_digit() -> None:
    """Decimals round to 28 digits unless they are told not to."""
    large, small = "1" + "0" * 30, "0." + "0" * 29 + "1"
    tally = tally_of([outcome(1, large, cost="0"), outcome(2, small, cost="0"), outcome(3, f"-{large}", cost="0")])
    assert tally.net.amount == D(small)
    assert added(Tally, (tally_of([outcome(n, net, cost="0")]) for n, net in enumerate((large, small)))).gains != D(
        large
    )


def test_streaks_are_by_the_order_given_and_end_with_what_broke_even() -> None:
    def of(text: str) -> Streaks:
        return streaks(np.array([{"w": 1, "l": -1, "e": 0}[each] for each in text], np.int8))

    assert of("wwlwwwll") == Streaks(3, 2, -2)
    assert of("wwewww") == Streaks(3, 0, 3)
    assert of("lle") == Streaks(0, 2, 0)
    assert of("") == Streaks(0, 0, 0)


def test_parts_of_a_position_are_one_holding_time_weighted_by_quantity() -> None:
    told = holding_times(np.array([7, 3, 7]), np.array([3600.0, 60.0, 36_000.0]), np.array([1.0, 5.0, 9.0]))
    position = (3600 + 9 * 36_000) / 10
    assert told.mean == Measured((position + 60) / 2, 2)
    assert told.median.value == pytest.approx((position + 60) / 2)
    assert told.longest_tenth.value == pytest.approx(60 + 0.9 * (position - 60))
    nothing = np.zeros(0)
    assert holding_times(nothing.astype(np.int64), nothing, nothing).mean == Measured(None, 0, "nothing is known")


def test_the_histogram_splits_winners_from_losers() -> None:
    seconds = np.array([0.0, 299, 300, 899.9, 10_000, 30 * 86_400, 1e9])
    signs = np.array([1, -1, 1, 1, 0, -1, 1], np.int8)
    told = histogram(seconds, signs)
    assert told.winners.tolist() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]
    assert told.losers.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert told.even.tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]
    assert len(EDGES) + 1 == 10


# ---- the naive second way: from the trades, in fractions, everything looked through again for each figure ------------

COINS = ("ETH", "SOL", "DOGE")
TRIGGERS = (None, "rsi", "dca")


class Price:
    """BNB and BTC have prices that move with time; XYZ has none."""

    def __call__(self, exchange: Exchange, asset: Asset, into: Asset, at: datetime) -> Decimal | None:
        dollars = {"USDT": D(1), "BTC": D(40_000 + (at - T) // HOUR), "BNB": D(500 - (at - T) // HOUR)}
        return dollars[asset] / dollars[into] if asset in dollars and into in dollars else None


def life(dice: random.Random, count: int) -> list[Trade]:
    """DCA, partial sells by name or average, merges, shorts, sells of what came from elsewhere; fees in any coin."""
    trades: list[Trade] = []
    held: dict[str, Decimal] = defaultdict(D)
    names: dict[str, list[str]] = defaultdict(list)
    shorts: list[tuple[str, str, Decimal]] = []
    for number in range(1, count + 1):
        base = dice.choice(COINS)
        quote = "BTC" if dice.random() < 0.1 else "USDT"
        rate = D(dice.randint(1, 10**6)) / 10 ** (dice.choice((2, 7)) if quote == "USDT" else 9)
        side, quantity, closes = Side.BUY, D(dice.randint(1, 9999)) / 100, None
        roll = dice.random()
        if roll < 0.45 and held[base] > D("0.01"):
            side = Side.SELL
            quantity = (
                held[base]
                if dice.random() < 0.3
                else (held[base] * dice.choice((D("0.5"), D("0.37")))).quantize(D("0.00001"))
            )
            closes = dice.choice([*names[base][-3:], None, "999999"])
        elif roll < 0.5:
            side = Side.SELL  # of more than there is: a short, or coins that came from elsewhere
            quantity += held[base] * 2
            shorts.append((str(number), base, quantity - held[base]))
        elif roll < 0.6 and shorts:
            closes, base, lacks = shorts.pop(dice.randrange(len(shorts)))
            quantity = lacks * dice.choice((D(1), D("0.5"), D(2)))
        fee_in = dice.choice(("USDT", "USDT", base, "BNB", "XYZ"))
        fee = {base: quantity, "BNB": D("0.3"), "XYZ": D(4)}.get(fee_in, quantity * rate) * dice.choice(
            (D(0), D("0.001"))
        )
        if side is Side.BUY:
            names[base].append(str(number))
            held[base] += quantity
        else:
            held[base] = max(D(0), held[base] - quantity)
        pair = Pair(Exchange("binance"), Asset(base), Asset(quote))
        at = T + timedelta(minutes=20) * (number - dice.choice((0, 0, 1)))
        trigger = dice.choice(TRIGGERS)
        trades.append(
            Trade(
                HopperId("1"),
                TradeId(str(number)),
                pair,
                side,
                quantity,
                rate,
                quantity * rate,
                fee,
                Asset(fee_in),
                max(at, trades[-1].at if trades else at),
                closes,
                trigger,
            )
        )
    return trades


def outcomes(trades: Sequence[Trade], price: Price) -> list[Outcome]:
    """What the ledger makes of trades, in dollars at the time of each."""
    triggers = {trade.id: trade.trigger for trade in trades}
    found = []
    with localcontext(prec=200):
        for result in results(trades, price):
            rate = price(result.pair.exchange, result.pair.quote, Asset("USDT"), result.at)
            assert rate is not None
            cost = None if result.cost is None else result.cost * rate
            found.append(
                Outcome(
                    result.trade,
                    result.at,
                    result.pair.base,
                    result.proceeds * rate,
                    cost,
                    result.fees * rate,
                    closed_by=triggers[result.trade],
                )
            )
    return found


@dataclass
class NaiveLot:
    """Of a short: what is owed, and what its sale brought."""

    trade: Trade
    quantity: Fraction
    cost: Fraction
    fees: Fraction

    def part(self, share: Fraction) -> tuple[Fraction, Fraction, Fraction]:
        """Quantity, cost and fees of a share, which is taken off."""
        part = self.quantity * share, self.cost * share, self.fees * share
        self.quantity, self.cost, self.fees = self.quantity - part[0], self.cost - part[1], self.fees - part[2]
        return part


class Naive:
    """Results and their figures as one would write them down, in fractions, everything looked through each time."""

    def __init__(self, trades: Sequence[Trade], price: Price) -> None:
        self.price = price
        self.lots: list[NaiveLot] = []
        self.shorts: list[NaiveLot] = []
        self.unknown = 0
        self.nets: list[Fraction] = []
        self.fees: list[Fraction] = []
        for trade in trades:
            fee = Fraction(trade.fee)
            in_base = trade.fee_currency == trade.pair.base
            worth = fee * (
                Fraction(trade.rate) if in_base else self.rate(trade.fee_currency, trade.pair.quote, trade.at)
            )
            units = Fraction(trade.quantity) + (0 if not in_base else fee if trade.side is Side.SELL else -fee)
            sign = -1 if trade.side is Side.SELL else 1
            paid = Fraction(trade.total) + (0 if in_base else sign * worth)
            (self.sell if trade.side is Side.SELL else self.buy)(trade, units, paid, worth)

    def rate(self, asset: Asset, into: Asset, at: datetime) -> Fraction:
        price = self.price(Exchange("binance"), asset, into, at)
        return Fraction(0) if price is None else Fraction(price)

    def closes(self, trade: Trade, brought: Fraction, cost: Fraction, fees: Fraction) -> None:
        rate = self.rate(trade.pair.quote, Asset("USDT"), trade.at)
        self.nets.append((brought - cost) * rate)
        self.fees.append(fees * rate)

    def buy(self, trade: Trade, got: Fraction, paid: Fraction, fee: Fraction) -> None:
        for short in [one for one in self.shorts if one.trade.id == trade.buy_id]:
            closed = min(got, short.quantity)
            _, brought, fees = short.part(closed / short.quantity)
            share = closed / got
            self.closes(trade, brought, paid * share, fees + fee * share)
            got, paid, fee = got - closed, paid * (1 - share), fee * (1 - share)
            self.shorts = [one for one in self.shorts if one.quantity]
        if got:
            self.lots.append(NaiveLot(trade, got, paid, fee))

    def sell(self, trade: Trade, gone: Fraction, brought: Fraction, fee: Fraction) -> None:
        left, cost, fees, known = gone, Fraction(0), fee, Fraction(0)
        named = [lot for lot in self.lots if lot.trade.id == trade.buy_id and lot.trade.pair.base == trade.pair.base]
        taken = []
        if named:
            taken.append((named[0], min(Fraction(1), left / named[0].quantity)))
            left -= min(left, named[0].quantity)
        others = [lot for lot in self.lots if lot.trade.pair.base == trade.pair.base and lot not in named]
        held = sum(lot.quantity for lot in others)
        if held and left > (Fraction(trade.quantity) / 1000 if named else 0):
            taken += [(lot, min(Fraction(1), left / held)) for lot in others]
        parts = [(lot, lot.part(share)) for lot, share in taken]
        self.lots = [lot for lot in self.lots if lot.quantity]
        known = sum((part[0] for _, part in parts), Fraction(0))
        lacks = gone - known
        if lacks > gone / 1000:
            self.shorts.append(NaiveLot(trade, lacks, brought * lacks / gone, fee * lacks / gone))
            if not known:
                self.unknown += 1
                return
            brought, fees = brought * known / gone, fee * known / gone
        for lot, (_, paid, paid_fees) in parts:
            rate = self.rate(lot.trade.pair.quote, trade.pair.quote, lot.trade.at)
            cost, fees = cost + paid * rate, fees + paid_fees * rate
        self.closes(trade, brought, cost, fees)

    def longest(self, sign: int) -> int:
        best = run = 0
        for net in self.nets:
            run = run + 1 if net * sign > 0 else 0
            best = max(best, run)
        return best


def near(value: Fraction | float) -> Any:
    """The ledger rounds parts to 18 decimals."""
    return pytest.approx(float(value), rel=1e-9, abs=1e-9)


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_the_naive_way_says_the_same(seed: int, count: int) -> None:
    trades = life(random.Random(seed), count)
    found, naive = outcomes(trades, Price()), Naive(trades, Price())
    tally = tally_of(found)
    known = [one for one in found if one.net is not None]
    assert [float(one.net or 0) for one in known] == [near(net) for net in naive.nets]
    assert (tally.count, tally.unknown) == (len(found), naive.unknown)
    won, lost = [net for net in naive.nets if net > 0], [net for net in naive.nets if net < 0]
    assert (tally.winners, tally.losers) == (len(won), len(lost))
    assert (float(tally.gains), float(tally.losses)) == (near(sum(won, D0)), near(sum(lost, D0)))
    assert float(tally.fees) == near(sum(naive.fees, D0))
    if won and lost:
        payoff, share = (sum(won) / len(won)) / (-sum(lost) / len(lost)), Fraction(len(won), len(naive.nets))
        assert tally.payoff.value == near(payoff)
        assert tally.profit_factor.value == near(sum(won) / -sum(lost))
        assert tally.expectancy_ratio.value == near((1 + payoff) * share - 1)
        assert tally.win_rate.value == near(Fraction(len(won), len(won) + len(lost)))
    if naive.nets:
        assert tally.expectancy.amount is not None
        assert float(tally.expectancy.amount) == near(sum(naive.nets, D0) / len(naive.nets))
    gross = sum((abs(net + fee) for net, fee in zip(naive.nets, naive.fees, strict=True)), D0)
    assert tally.fee_drag.value == (near(sum(naive.fees, D0) / gross) if gross else None)
    told = streaks(np.array([((one.net or 0) > 0) - ((one.net or 0) < 0) for one in known], np.int8))
    assert (told.winners, told.losers) == (naive.longest(1), naive.longest(-1))


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_groups_add_up_to_all_in_any_order(seed: int, count: int) -> None:
    dice = random.Random(seed)
    trades = life(dice, count)
    found = outcomes(trades, Price())
    whole = tally_of(found)
    shuffled = dice.sample(found, len(found))
    assert tally_of(shuffled) == whole
    for grouped in (tallies(shuffled, lambda one: one.base), tallies(shuffled, lambda one: one.closed_by)):
        assert added(Tally, grouped.values()) == whole
    assert tallies(found, lambda one: one.base).keys() == {one.base for one in found}


@given(
    st.lists(st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6), st.sampled_from([-2.0, 0.5, 0.5 + 1e-12]))),
    st.integers(0, 5),
)
def test_the_extremes_are_among_what_is_looked_at_and_little_else_is(values: list[float], count: int) -> None:
    column = np.array(values, np.float64)
    places = extremes(column, np.sign(np.nan_to_num(column)).astype(np.int8), count).tolist()
    assert len(set(places)) == len(places)
    for sign in (1, -1):
        sizes = sorted((sign * value for value in values if sign * value > 0), reverse=True)
        found = sorted((sign * values[place] for place in places if sign * values[place] > 0), reverse=True)
        assert found[:count] == sizes[:count]
        assert all(each >= sizes[count - 1] * (1 - 1e-8) for each in found[count:])
    assert all(values[place] for place in places)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 10**6), st.integers(1, 99)), min_size=1, max_size=40))
def test_holding_times_position_by_position(rows: list[tuple[int, int, int]]) -> None:
    positions, seconds, quantities = (np.array(column) for column in zip(*rows, strict=True))
    told = holding_times(positions, seconds.astype(float), quantities.astype(float))
    held = []
    for position in set(positions.tolist()):
        parts = [(Fraction(s), Fraction(q)) for p, s, q in rows if p == position]
        held.append(float(sum(s * q for s, q in parts) / sum(q for _, q in parts)))
    assert told.mean.value == pytest.approx(sum(held) / len(held))
    middle = sorted(held)[(len(held) - 1) // 2 : len(held) // 2 + 1]
    assert told.median.value == pytest.approx(sum(middle) / len(middle))
    assert told.median.sample_size == len(held)

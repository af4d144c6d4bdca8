"""Sums over columns against one by one: any trades, in any parts, with rates that nobody knows."""

from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.domain.exact_column import ExactColumn
from cryptwire.domain.hopper import Asset, HopperId
from cryptwire.domain.trade import Side
from cryptwire.domain.trade_column_sums import closed_rows, closings, result_sums, stretches, trade_sums
from cryptwire.domain.trade_columns import RateSteps, TradeValues, joined, valued
from tests.unit.cryptwire.domain.trade_rows import TradeRow, columns_of, rows, rows_of

F = Fraction
USDT, SECOND = Asset("USDT"), 1_000_000
RATES = [Decimal("1.25"), None, Decimal("0.99999999999999999999"), Decimal(3)]
STEPS = RateSteps(np.array([1, 3, 5, 8]), ExactColumn.of(RATES))
"""From the second on; before the first nobody knows."""
TRADES = st.lists(rows(), max_size=25)
PARTS = st.lists(TRADES, min_size=1, max_size=3)
SINCE, UNTIL = 1 * SECOND, 9 * SECOND


def rate_at(at: int, *, is_converted: bool) -> Fraction | None:
    if not is_converted:
        return F(1)
    place = int(np.searchsorted(STEPS.seconds, at // SECOND, side="right")) - 1
    rate = None if place < 0 else RATES[place]
    return None if rate is None else F(rate)


def worth(row: TradeRow, amount: Decimal | None, *, is_converted: bool) -> Fraction | None:
    rate = rate_at(row.at, is_converted=is_converted)
    return None if None in (amount, row.rate, rate) else F(amount or 0) * F(row.rate or 0) * (rate or F(0))


def values_of(told: list[TradeRow], *, is_converted: bool) -> TradeValues:
    return valued(columns_of(told).of_currency(USDT), STEPS if is_converted else None)


@given(PARTS)
def test_parts_are_joined_and_currencies_told_apart(parts: list[list[TradeRow]]) -> None:
    whole = joined([columns_of(part) for part in parts])
    told = [row for part in parts for row in part]
    assert rows_of(whole) == told
    assert rows_of(whole.of_currency(USDT)) == [row for row in told if row.currency == USDT]


@given(TRADES, st.booleans())
def test_results_by_coin_and_reason(told: list[TradeRow], is_converted: bool) -> None:
    sums = result_sums(values_of(told, is_converted=is_converted), SINCE, UNTIL)
    results = [row for row in told if row.closed is not None and row.currency == USDT and SINCE <= row.at < UNTIL]
    keys: list[tuple[Any, Callable[[TradeRow], Any]]] = [
        (sums.by_coin, lambda row: (row.hopper, row.base)),
        (sums.by_reason, lambda row: row.reason),
    ]
    for found, key in keys:
        groups = defaultdict[Any, list[TradeRow]](list)
        for row in results:
            groups[key(row)].append(row)
        assert found.keys() == groups.keys()
        for name, those in groups.items():
            nets = [(row, net) for row in those if (net := worth(row, row.net, is_converted=is_converted)) is not None]
            fees = [worth(row, row.fees, is_converted=is_converted) or F(0) for row, _ in nets]
            one = found[name]
            assert (one.winners, one.losers, one.even) == tuple(
                sum((net > 0) - (net < 0) == sign for _, net in nets) for sign in (1, -1, 0)
            )
            assert one.unknown == sum(row.is_unknown for row in those)
            assert one.count == len(those)
            assert F(one.gains) == sum((net for _, net in nets if net > 0), F(0))
            assert F(one.losses) == sum((net for _, net in nets if net < 0), F(0))
            assert F(one.fees) == sum(fees)
            assert F(one.moved) == sum(abs(net + fee) for (_, net), fee in zip(nets, fees, strict=True))
    assert sums.newest == max((row.at for row in results), default=None)


@given(TRADES, st.booleans())
def test_stretches(told: list[TradeRow], is_converted: bool) -> None:
    starts = np.array([2, 4, 7]) * SECOND
    found = stretches(values_of(told, is_converted=is_converted), SINCE, UNTIL, starts)
    for place in range(3):
        end = int(starts[place + 1]) if place < 2 else UNTIL
        those = [
            row for row in told if row.has_result and row.currency == USDT and starts[place] <= row.at < min(end, UNTIL)
        ]
        assert (place in found) == bool(those)
        if not those:
            continue
        one = found[place]
        values = [(row, worth(row, row.total, is_converted=is_converted)) for row in those]
        fees = [F(0) if not row.fee_units else worth(row, row.fee, is_converted=is_converted) for row in those]
        nets = [worth(row, row.net, is_converted=is_converted) for row in those if row.closed is not None]
        assert one.trades.buys == sum(row.side is Side.BUY for row in those)
        assert one.trades.count == len(those)
        assert one.trades.unvalued == sum(value is None for _, value in values)
        assert F(one.trades.bought) == sum(value or F(0) for row, value in values if row.side is Side.BUY)
        assert F(one.trades.sold) == sum(value or F(0) for row, value in values if row.side is Side.SELL)
        known = [fee or F(0) for row, fee in zip(those, fees, strict=True) if fee is not None]
        assert F(one.trades.fees) == sum(known)
        assert one.earned.results == len(nets)
        assert F(one.earned.net) == sum(net or F(0) for net in nets)


@given(TRADES, st.booleans())
def test_trades_by_kind(told: list[TradeRow], is_converted: bool) -> None:
    spans = {HopperId("1"): (SINCE, UNTIL), HopperId("2"): (0, 4 * SECOND)}
    found = trade_sums(values_of(told, is_converted=is_converted), spans)
    counted, values, units = Counter[Any](), defaultdict[Any, Fraction](Fraction), defaultdict[Any, Fraction](Fraction)
    for row in told:
        begin, end = spans[HopperId(row.hopper)]
        if row.currency == USDT and begin <= row.at < end:
            value = worth(row, row.total, is_converted=is_converted)
            key = row.kind, value is not None
            counted[key] += 1
            values[key] += value or F(0)
            units[key] += F(row.fee_units)
    told_counts, told_values, told_units = (
        Counter[Any](),
        defaultdict[Any, Fraction](Fraction),
        defaultdict[Any, Fraction](Fraction),
    )
    for one in found:
        traded = one.traded
        names = one.hopper, traded.base, traded.quote, traded.side, traded.fee_currency, USDT, one.has_result
        told_key = names, traded.value is not None
        told_counts[told_key] += traded.number
        told_values[told_key] += F(traded.value or 0)
        told_units[told_key] += F(traded.fee_units)
        assert (one.native is None) == (traded.value is None)
        assert one.first <= one.newest
    assert told_counts == counted
    assert told_values == values
    assert told_units == units


@settings(max_examples=60)
@given(PARTS)
def test_what_was_closed_is_in_its_order_whatever_the_parts(parts: list[list[TradeRow]]) -> None:
    found = closings([closed_rows(columns_of(part), SINCE, UNTIL) for part in parts])
    results = [
        row
        for part in parts
        for row in part
        if row.closed is not None and row.net is not None and SINCE <= row.at < UNTIL
    ]
    results.sort(key=lambda row: (row.at, len(row.id), row.id, row.hopper))
    assert found.at.tolist() == [row.at for row in results]
    alike = Counter((row.at, row.id, row.hopper) for row in results)
    for number, row in enumerate(results):
        if alike[row.at, row.id, row.hopper] == 1:  # of two that are the same trade either may come first
            assert found.signs[number] == ((row.net or 0) > 0) - ((row.net or 0) < 0)
            assert found.currencies[number] == row.currency
    lots = [(row.hopper, row.base, row.is_short, row.opened_at) for row in results]
    if len(set(alike.values())) < 2:
        together = {(lot, int(position)) for lot, position in zip(lots, found.positions, strict=True)}
        assert len(together) == len(set(lots))

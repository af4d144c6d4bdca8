"""Trades become results; a second, naive way of counting says the same."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.hopper import Asset, Exchange, HopperId
from cryptwire.domain.result import Ledger, Result, ledger_of
from cryptwire.domain.ticker import Pair
from cryptwire.domain.trade import Side, Trade, TradeId
from tests.unit.cryptwire.domain.lots import results

T = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUY, SELL = Side.BUY, Side.SELL
D = Decimal


def trade(
    number: int,
    side: Side,
    quantity: str,
    rate: str,
    fee: str = "0",
    fee_in: str = "USDT",
    closes: str | None = None,
    base: str = "ETH",
    quote: str = "USDT",
) -> Trade:
    pair = Pair(Exchange("binance"), Asset(base), Asset(quote))
    amounts = D(quantity), D(rate), D(quantity) * D(rate), D(fee)
    return Trade(HopperId("1"), TradeId(str(number)), pair, side, *amounts, Asset(fee_in), T + number * HOUR, closes)


def no_price(*_: object) -> None:
    return None


def nets(*trades: Trade) -> list[Decimal | None]:
    return [result.net for result in results(trades, no_price)]


def test_a_sell_is_matched_to_what_it_names_with_the_fees_of_both_sides() -> None:
    bought = [trade(1, BUY, "1", "100", "0.1"), trade(2, BUY, "1", "200", "0.2")]
    (result,) = results([*bought, trade(3, SELL, "1", "150", "0.15", closes="1")], no_price)
    assert (result.cost, result.proceeds, result.net, result.fees) == (D("100.1"), D("149.85"), D("49.75"), D("0.25"))
    assert result.opened_at == bought[0].at


def test_a_sell_that_names_nothing_closes_the_average() -> None:
    assert nets(trade(1, BUY, "1", "100"), trade(2, BUY, "3", "200"), trade(3, SELL, "2", "200")) == [D(50)]


def test_partial_sells_are_results_and_cost_together_what_was_paid() -> None:
    trades = [trade(1, BUY, "3", "33.33", "0.07"), *(trade(n, SELL, "1", "40", closes="1") for n in (2, 3, 4))]
    found = results(trades, no_price)
    assert len(found) == 3
    assert sum(result.cost or D(0) for result in found) == D("3") * D("33.33") + D("0.07")


def test_buys_that_were_merged_are_closed_by_the_name_of_the_first_and_the_average_of_the_rest() -> None:
    """DCA: a position of three buys is sold whole under the first one's name."""
    bought = [trade(1, BUY, "1", "100"), trade(2, BUY, "1", "90"), trade(3, BUY, "2", "80")]
    assert nets(*bought, trade(4, SELL, "4", "100", closes="1")) == [D(400 - 350)]


def test_a_fee_in_the_coin_itself_leaves_less_of_it_at_the_same_cost() -> None:
    (result,) = results(
        [trade(1, BUY, "1", "100", "0.001", "ETH"), trade(2, SELL, "0.999", "110", closes="1")], no_price
    )
    assert result.net == D("0.999") * 110 - 100
    assert result.fees == D("0.1")


def test_a_fee_in_a_third_coin_is_converted_at_the_trades_time_or_told_as_it_is() -> None:
    asked: list[datetime] = []

    def price(exchange: Exchange, asset: Asset, into: Asset, at: datetime) -> Decimal | None:
        asked.append(at)
        return D(600) if (asset, into) == ("BNB", "USDT") else None

    trades = [trade(1, BUY, "1", "100", "0.01", "BNB"), trade(2, SELL, "1", "120", "0.005", "BNB", closes="1")]
    (result,) = results(trades, price)
    assert result.net == D(120 - 3) - D(100 + 6)
    assert asked == [each.at for each in trades]
    _, fee, other = Ledger().add(trades[0], no_price)
    assert (fee, dict(other)) == (D(0), {Asset("BNB"): D("0.01")})


def test_what_was_paid_with_another_coin_is_converted_when_it_was_bought() -> None:
    trades = [trade(1, BUY, "10", "0.05", quote="BTC"), trade(2, SELL, "10", "3000")]
    (result,) = results(trades, lambda exchange, asset, into, at: D(40_000) if at == trades[0].at else None)
    assert result.net == D(30_000 - 20_000)
    assert nets(*trades) == [None]


def test_of_a_sell_of_what_was_never_bought_nothing_is_known() -> None:
    (result,) = results([trade(1, SELL, "1", "100")], no_price)
    assert (result.cost, result.net) == (None, None)
    found = results([trade(1, BUY, "1", "100"), trade(2, SELL, "2", "150")], no_price)
    assert [(one.quantity, one.net) for one in found] == [(D(1), D(50))], "only the part that is known counts"


def test_what_rounding_leaves_is_not_unknown() -> None:
    assert nets(trade(1, BUY, "0.99999", "100"), trade(2, SELL, "1", "110", closes="1")) == [D("110") - D("99.999")]


def test_a_short_is_a_result_when_it_is_bought_back() -> None:
    found = results(
        [trade(1, SELL, "2", "100", "1"), trade(2, BUY, "1", "80", "0.5", closes="1"), trade(3, BUY, "1", "90")],
        no_price,
    )
    assert [(one.net, one.is_short) for one in found] == [(None, False), (D("99.5") - D("80.5"), True)]
    more = results(
        [trade(1, SELL, "1", "100"), trade(2, BUY, "3", "90", closes="1"), trade(3, SELL, "2", "95")], no_price
    )
    assert [one.net for one in more] == [None, D(10), D(10)], "what is bought beyond the short is held"


# ---- the naive second way: exact fractions, everything looked through again for each sell -------------------------


def naive(trades: list[Trade]) -> list[Fraction]:
    """Net of each sell; no unknown costs, fees in the quote."""
    held: dict[str, list[Fraction]] = {}  # id -> [quantity, cost]
    nets = []
    for one in trades:
        quantity, total, fee = (Fraction(number) for number in (one.quantity, one.total, one.fee))
        if one.side is BUY:
            held[one.id] = [quantity, total + fee]
            continue
        cost, left = Fraction(0), quantity
        if one.buy_id in held:
            part = min(left, held[one.buy_id][0])
            share = part / held[one.buy_id][0]
            cost += held[one.buy_id][1] * share
            held[one.buy_id] = [held[one.buy_id][0] - part, held[one.buy_id][1] * (1 - share)]
            left -= part
        held = {name: lot for name, lot in held.items() if lot[0]}
        whole = sum((lot[0] for lot in held.values()), Fraction(0))
        if left and whole:
            share = left / whole
            cost += share * sum(lot[1] for lot in held.values())
            held = {name: [lot[0] * (1 - share), lot[1] * (1 - share)] for name, lot in held.items()}
            held = {name: lot for name, lot in held.items() if lot[0]}
        nets.append(total - fee - cost)
    return nets


@st.composite
def histories(draw: st.DrawFn) -> list[Trade]:
    """Buys and sells of no more than is held."""
    trades: list[Trade] = []
    held = D(0)
    for number in range(1, draw(st.integers(2, 14))):
        rate = str(draw(st.decimals("0.01", "99999", places=2)))
        fee = str(draw(st.decimals("0", "5", places=3)))
        if held > D("0.5") and draw(st.booleans()):
            quantity = draw(st.sampled_from([held, (held / 2).quantize(D("0.01")), (held / 3).quantize(D("0.01"))]))
            names = [*(one.id for one in trades if one.side is BUY), "77", None]
            trades.append(trade(number, SELL, str(quantity), rate, fee, closes=draw(st.sampled_from(names))))
            held -= quantity
        else:
            quantity = draw(st.decimals("1", "500", places=2))
            trades.append(trade(number, BUY, str(quantity), rate, fee))
            held += quantity
    return trades


@given(histories())
def test_the_naive_way_says_the_same(trades: list[Trade]) -> None:
    found = results(trades, no_price)
    expected = naive(trades)
    assert [result.trade for result in found] == [one.id for one in trades if one.side is SELL]
    for result, net in zip(found, expected, strict=True):
        assert result.net is not None
        assert abs(Fraction(result.net) - net) < Fraction(1, 10**12)


@given(histories(), st.integers(0, 14))
def test_a_ledger_that_was_kept_goes_on_as_if_it_had_not_been(trades: list[Trade], cut: int) -> None:
    first = Ledger()
    found: list[Result | None] = []
    found += [first.add(one, no_price)[0] for one in trades[:cut]]
    again = ledger_of(first.as_json())
    found += [again.add(one, no_price)[0] for one in trades[cut:]]
    assert [one for one in found if one is not None] == results(trades, no_price)


@given(histories())
def test_what_was_paid_is_what_sells_cost_and_what_is_left_costs(trades: list[Trade]) -> None:
    ledger, cost = Ledger(), D(0)
    for one in trades:
        result: Result | None = ledger.add(one, no_price)[0]
        cost += (result.cost or D(0)) if result is not None else D(0)
    paid = sum(one.total + one.fee for one in trades if one.side is BUY)
    assert cost + sum(lot.cost for lot in ledger.lots) == paid

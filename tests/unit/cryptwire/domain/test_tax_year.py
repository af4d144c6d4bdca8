"""A year of disposals begins and ends at the user's midnight, and its sums are those of its rows."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from cryptwire.domain.fifo import EXACT, Books, Lot, Why, place
from cryptwire.domain.flow import Flow, FlowKind
from cryptwire.domain.tax_year import Holding, Row, TaxYear
from cryptwire.domain.trade import Trade
from tests.unit.cryptwire.domain.lots import BTC, BUY, ETH, EUR, HOUR, SELL, D, T, flow, lives, prices, trade, worth_of

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN, END = datetime(2025, 12, 31, 23, tzinfo=UTC), datetime(2026, 12, 31, 23, tzinfo=UTC)


def hours(moment: str) -> int:
    """How the builders call a moment: hours since T."""
    return (datetime.fromisoformat(moment).replace(tzinfo=UTC) - T) // HOUR


def year(
    events: Iterable[Trade | Flow], begins_at: datetime = BEGIN, ends_at: datetime = END
) -> tuple[TaxYear, list[Row], list[Lot]]:
    it, rows, income = TaxYear(Books(EUR), BERLIN, begins_at, ends_at), list[Row](), list[Lot]()
    for event in sorted(events, key=place):
        if event.at < ends_at:
            added = it.trade(event, prices) if isinstance(event, Trade) else it.flow(event, worth_of(event))
            rows += added[0]
            income += added[1]
    return it, rows, income


def test_a_year_is_of_the_users_calendar_and_lots_of_earlier_ones_count() -> None:
    it, rows, _ = year(
        [
            trade(1, BUY, "BTC/EUR", "5", "100", hour=hours("2024-06-01T12:00")),
            trade(2, SELL, "BTC/EUR", "1", "300", hour=hours("2025-12-31T22:00")),
            trade(3, SELL, "BTC/EUR", "1", "400", hour=hours("2025-12-31T23:00")),
            trade(4, SELL, "BTC/EUR", "1", "500", hour=hours("2026-12-31T22:00")),
            trade(5, SELL, "BTC/EUR", "1", "600", hour=hours("2026-12-31T23:00")),
        ]
    )
    assert [row.disposal.source for row in rows] == ["3", "4"]
    (balance,) = it.balances()
    held = [balance.began, balance.came, balance.went, balance.left]
    assert [(one.quantity, one.cost) for one in held] == [(D(4), D(400)), (D(0), D(0)), (D(2), D(200)), (D(2), D(200))]
    assert [(lot.quantity, lot.cost) for lot in it.books.lots()] == [(D(2), D(200))]


def test_days_held_are_dates_apart_and_more_than_365_are_long() -> None:
    bought = [trade(n, BUY, "BTC/EUR", "1", "100", hour=hours("2025-03-01T22:00") + n) for n in range(4)]
    sold = [
        trade(10, SELL, "BTC/EUR", "1", "110", hour=hours("2026-03-01T23:00")),  # 00:00 of the 2nd in Berlin
        trade(11, SELL, "BTC/EUR", "1", "120", hour=hours("2026-03-01T22:00")),
        trade(12, SELL, "BTC/EUR", "1", "130", hour=hours("2026-03-02T21:00")),
        trade(13, SELL, "BTC/EUR", "1", "90", hour=hours("2026-03-03T23:00")),
    ]
    it, rows, _ = year([*bought, *sold])
    assert [(row.disposal.source, row.days) for row in rows] == [("11", 365), ("10", 365), ("12", 365), ("13", 367)]
    assert [(one.holding.value, one.rows, one.quantity, one.proceeds, one.cost, one.gain) for one in it.totals()] == [
        ("short", 3, D(3), D(360), D(300), D(60)),
        ("long", 1, D(1), D(90), D(100), D(-10)),
    ]


def test_what_is_not_known_is_in_a_total_of_its_own_and_withdrawals_in_none() -> None:
    it, rows, income = year(
        [
            flow(1, FlowKind.INCOME, ETH, "2"),
            flow(2, FlowKind.WITHDRAWAL, ETH, "-1"),
            trade(3, SELL, "ETH/EUR", "3", "1000"),
            trade(4, SELL, "BTC/EUR", "1", "1000"),
        ]
    )
    assert [(row.disposal.why, row.days) for row in rows] == [
        (Why.WITHDRAWAL, 0),
        (Why.SALE, 0),
        (Why.SALE, None),
        (Why.SALE, None),
    ]
    assert [(lot.asset, lot.quantity, lot.cost) for lot in income] == [(ETH, D(2), D(4040))]
    assert [(one.asset, one.holding, one.proceeds, one.cost, one.gain) for one in it.totals()] == [
        (BTC, Holding.UNKNOWN, D(1000), None, None),
        (ETH, Holding.SHORT, D(1000), D(2020), D(-1020)),
        (ETH, Holding.UNKNOWN, D(2000), None, None),
    ]
    assert [(one.asset, one.uncovered) for one in it.balances()] == [(BTC, D(1)), (ETH, D(2))]


def test_a_coin_that_came_and_went_before_the_year_is_not_told() -> None:
    it, rows, _ = year(
        [
            trade(1, BUY, "BTC/EUR", "1", "100", hour=hours("2024-06-01T12:00")),
            trade(2, SELL, "BTC/EUR", "1", "300", hour=hours("2024-06-02T12:00")),
        ]
    )
    assert (rows, it.totals(), it.balances()) == ([], [], [])


@given(lives(), st.integers(0, 26), st.integers(1, 26))
def test_what_is_left_is_what_began_and_came_less_what_went(
    events: list[Trade | Flow], begin: int, length: int
) -> None:
    begins_at = T + begin * HOUR
    it, rows, _ = year(events, begins_at, begins_at + timedelta(hours=length))
    left: dict[str, tuple[Decimal, Decimal]] = {}
    for lot in it.books.lots():
        quantity, cost = left.get(lot.asset, (D(0), D(0)))
        left[lot.asset] = EXACT.add(quantity, lot.quantity), EXACT.add(cost, lot.cost or D(0))
    balances = it.balances()
    assert {one.asset: (one.left.quantity, one.left.cost) for one in balances if one.left.quantity} == left
    assert all(one.left.cost == 0 for one in balances if not one.left.quantity)
    gains = [row.disposal.gain for row in rows if row.disposal.why is not Why.WITHDRAWAL]
    total = D(0)
    for one in it.totals():
        total = EXACT.add(total, one.gain or D(0))
    for gain in gains:
        total = EXACT.subtract(total, gain or D(0))
    assert total == 0
    assert sum(one.rows for one in it.totals()) == len(gains)

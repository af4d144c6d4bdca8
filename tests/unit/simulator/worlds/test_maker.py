"""A maker quotes around the seeded price, gives what its depth holds, and takes its place again."""

from dataclasses import dataclass, field
from decimal import Decimal

from simulator.market.prices import NODE, Pair
from simulator.worlds.exchange import Fill, Order, Quotes, Side
from simulator.worlds.maker import LEVELS, Maker
from tests.unit.simulator.worlds.accounts import BEGAN, MINUTE, market

PAIR = market().pair("binance", "LINK", "USDT")  # a price of about 15.000: a basis point is a tick
HUGE = 10**9


@dataclass
class Desk:
    """Places orders with a maker of its own."""

    maker: Maker = field(default_factory=lambda: Maker(Pair.at, lambda pair: Quotes()))
    count: int = 0

    def place(
        self, side: Side, amount: str, at: int = BEGAN, limit: int | None = None, rests: bool = False
    ) -> tuple[Order, list[Fill]]:
        self.count += 1
        most = limit if limit is not None else HUGE if side == "buy" else 1
        order = Order(str(self.count), "1", PAIR, side, Decimal(amount), most, rests)
        return order, self.maker.place(order, at)


def quoting(**quotes: float) -> Desk:
    return Desk(Maker(Pair.at, lambda pair: Quotes(**quotes)))


def depth() -> Decimal:
    """Everything on one side."""
    order, _ = Desk().place("buy", "1000000")
    return order.filled


def test_a_small_order_is_filled_whole_half_a_spread_away() -> None:
    price = PAIR.at(BEGAN)
    sides: list[tuple[Side, int]] = [("buy", 1), ("sell", -1)]
    for side, sign in sides:
        order, (fill,) = quoting(spread=20.0).place(side, "1.5")
        assert (fill.amount, fill.rate, fill.is_maker) == (Decimal("1.5"), price + sign * (price // 1000), False)
        assert order.left == 0


def test_a_large_order_walks_the_depth_level_by_level_at_worse_rates() -> None:
    _, fills = Desk().place("buy", f"{depth() / 2}")
    rates = [fill.rate for fill in fills]
    assert 3 < len(rates) < LEVELS
    assert rates == sorted(set(rates))
    assert [fill.amount for fill in fills[:-1]] == sorted(fill.amount for fill in fills[:-1])
    _, fills = Desk().place("sell", f"{depth() / 2}")
    assert [fill.rate for fill in fills] == sorted({fill.rate for fill in fills}, reverse=True)


def test_more_than_there_is_is_filled_in_part_and_given_up() -> None:
    desk = Desk()
    order, fills = desk.place("buy", f"{depth() * 2}")
    assert order.filled == depth() == sum(fill.amount for fill in fills)
    assert desk.maker.due() is None
    assert desk.place("buy", "1")[1] == []
    assert desk.place("sell", "1")[1] != []  # the other side is untouched


def test_the_depth_that_is_shown_is_what_orders_get_and_lacks_what_they_took() -> None:
    desk = Desk()
    before, bids = desk.maker.depth(PAIR, BEGAN)[1], desk.maker.depth(PAIR, BEGAN)[0]
    assert len(before) == len(bids) == LEVELS
    assert bids[0][0] < PAIR.at(BEGAN) < before[0][0]
    _, fills = desk.place("buy", f"{before[0][1] + before[1][1] / 2}")
    assert [(fill.rate, fill.amount) for fill in fills] == [before[0], (before[1][0], before[1][1] / 2)]
    assert desk.maker.depth(PAIR, BEGAN) == (bids, [(before[1][0], before[1][1] / 2), *before[2:]])
    assert desk.maker.depth(PAIR, BEGAN - 900) == desk.maker.depth(PAIR, BEGAN - 900)
    later = desk.maker.depth(PAIR, BEGAN + 2 * MINUTE)[1]
    assert [amount for _, amount in later] == [amount for _, amount in before]


def test_without_depth_nothing_is_filled() -> None:
    assert quoting(depth=0.0).place("buy", "1")[1] == []


def test_what_was_taken_comes_back_evenly() -> None:
    desk = quoting(restored=100.0)
    desk.place("buy", f"{depth()}")
    half, _ = desk.place("buy", "1000000", BEGAN + 50_000)
    assert abs(half.filled - depth() / 2) < Decimal("0.001")
    whole, _ = desk.place("buy", "1000000", BEGAN + 50_000 + 100_000)
    assert whole.filled == depth()


def test_a_limit_is_kept() -> None:
    price = PAIR.at(BEGAN)
    assert Desk().place("buy", "1", limit=price)[1] == []
    _, fills = Desk().place("buy", f"{depth()}", limit=price + 3)
    assert max(fill.rate for fill in fills) <= price + 3
    _, fills = Desk().place("sell", f"{depth()}", limit=price - 3)
    assert min(fill.rate for fill in fills) >= price - 3


def crossing(limit: int, since: int) -> int:
    """The first node after an instant at which the maker sells at ``limit``: half a spread below a price."""
    at = since // NODE * NODE + NODE
    while PAIR.at(at) + max(1, PAIR.at(at) // 20_000) > limit:
        at += NODE
    return at


def test_a_resting_order_is_filled_at_its_limit_when_the_price_crosses_and_not_before() -> None:
    desk, limit = Desk(), PAIR.at(BEGAN) * 995 // 1000
    order, fills = desk.place("buy", "2", limit=limit, rests=True)
    at = crossing(limit, BEGAN)
    assert fills == []
    assert desk.maker.advance(at - 1) == []
    assert desk.maker.advance(at) == [Fill(order, at, Decimal(2), limit, is_maker=True)]
    assert desk.maker.due() is None


def test_a_large_resting_order_is_filled_in_parts() -> None:
    desk, limit = Desk(), PAIR.at(BEGAN) * 995 // 1000
    order, _ = desk.place("buy", f"{depth() * 3}", limit=limit, rests=True)
    fills = desk.maker.advance(BEGAN + 600 * MINUTE)
    assert len(fills) > 3
    assert {fill.rate for fill in fills} == {limit}
    assert len({fill.at for fill in fills}) == len(fills)
    assert sum(fill.amount for fill in fills) == order.filled


def test_a_cancelled_order_is_not_filled_any_more() -> None:
    desk, limit = Desk(), PAIR.at(BEGAN) * 995 // 1000
    order, _ = desk.place("buy", "2", limit=limit, rests=True)
    desk.maker.cancel(order, BEGAN + 1000)
    assert desk.maker.due() is None
    assert desk.maker.advance(crossing(limit, BEGAN)) == []


def test_resting_orders_are_filled_alike_in_whatever_steps_time_goes() -> None:
    def fills(step: int) -> list[tuple[str, int, Decimal]]:
        desk, price = Desk(), PAIR.at(BEGAN)
        for number in range(8):
            side: Side = "buy" if number % 2 else "sell"
            away = (number // 2 + 1) * price // 400
            desk.place(side, f"{depth() / 2}", limit=price - away if side == "buy" else price + away, rests=True)
        found: list[Fill] = []
        for at in range(BEGAN, BEGAN + 300 * MINUTE, step):
            found += desk.maker.advance(at)
        found += desk.maker.advance(BEGAN + 300 * MINUTE)
        return [(fill.order.id, fill.at, fill.amount) for fill in found]

    assert fills(7_000) == fills(299 * MINUTE)
    assert len(fills(7_000)) > 5

"""Whatever happens, every coin sums to zero over all accounts, and no hopper owns less than nothing."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryptwire.config import environment
from simulator.worlds.commands import Command, Effect, Impossible, Kind
from simulator.worlds.ledger import OUTSIDE, Account, Ledger, Overdrawn, Posting, Unbalanced
from simulator.worlds.world import World
from tests.unit.simulator.worlds.accounts import BEGAN, DAY, ID, LIVELY, MINUTE, Watched, holds_together, market, small

MANY = 400 if environment().get("CRYPTWIRE_FULL") else 20
FREE, RESERVED = Account("1", "free"), Account("1", "reserved")


def test_an_event_that_does_not_sum_to_zero_is_refused_whole() -> None:
    ledger = Ledger()
    with pytest.raises(Unbalanced):
        ledger.book((Posting(OUTSIDE, "BTC", Decimal("-1")), Posting(FREE, "BTC", Decimal("1.00000001"))))
    assert not ledger.accounts()


def test_an_event_that_overdraws_is_refused_whole() -> None:
    ledger = Ledger()
    ledger.book((Posting(OUTSIDE, "BTC", Decimal(-1)), Posting(FREE, "BTC", Decimal(1))))
    with pytest.raises(Overdrawn):
        ledger.book(
            (
                Posting(OUTSIDE, "ETH", Decimal(-1)),
                Posting(FREE, "ETH", Decimal(1)),
                Posting(FREE, "BTC", Decimal(-2)),
                Posting(RESERVED, "BTC", Decimal(2)),
            )
        )
    assert ledger.of(FREE) == {"BTC": 1}
    assert not ledger.of(RESERVED)


amounts = st.decimals("-2", "2", places=8).filter(bool)
accounts = st.sampled_from([OUTSIDE, FREE, RESERVED, Account("1", "orders"), Account("2", "free")])


@given(st.lists(st.tuples(accounts, accounts, st.sampled_from(["BTC", "USDT"]), amounts), max_size=30))
def test_random_transfers_sum_to_zero_after_each(events: list[tuple[Account, Account, str, Decimal]]) -> None:
    ledger = Watched()
    for source, target, coin, amount in events:
        try:
            ledger.book((Posting(source, coin, -amount), Posting(target, coin, amount)))
        except Overdrawn:
            continue


@dataclass(frozen=True)
class Told:
    after: int
    kind: Kind
    value: str
    amount: str
    delay: int
    share: float


def told(kind: Kind, values: list[str], amounts: list[str]) -> st.SearchStrategy[Told]:
    return st.builds(
        Told,
        st.integers(0, 7200),
        st.just(kind),
        st.sampled_from(values),
        st.sampled_from(amounts),
        st.sampled_from([0, 0, 0, 1500, 90_000]),
        st.sampled_from([1.0, 1.0, 0.5, 0.0]),
    )


COINS = ["BTC", "ETH", "LINK"]
WISHES = [f"{side} {coin} {price}" for side in ("buy", "sell") for coin in COINS for price in ("market", "low", "high")]
COMMANDS = st.one_of(
    told("order", [wish + " Manual" for wish in WISHES], ["0.01", "0.5", "30", "900"]),
    told("cancel", [""], [""]),
    told("deposit", ["USDT", "BNB", "ETH"], ["100", "-50.5", "0.3", "-0.2"]),
    told("panic", ["", "0"], [""]),
    told("calm", [""], [""]),
    told("sell", ["", *COINS], ["", "0"]),
    told("short", ["", *COINS], [""]),
    told("cover", [""], [""]),
    told("uncover", [""], [""]),
    told("dca", ["", "ETH"], [""]),
    told("merge", COINS, [""]),
    told("split", ["", *COINS], [""]),
    told("forget", COINS, [""]),
    told("sync", [*COINS, "ETH 3000.5"], ["", "0.01"]),
    told("reserve", COINS, [""]),
    told("assign", COINS, ["", "0.1"]),
    told("unreserve", [*COINS, "USDT"], ["", "0.1"]),
    told("reset", [""], [""]),
    told("hold", [""], [""]),
    told("selling", ["0", "1"], [""]),
    told("config", ['{"sell_order_type": "limit"}', '{"buy_order_type": "limit", "perc_buy_amount": "30"}'], [""]),
)
PAYING = {**LIVELY, "dip": 0.004, "share": "0.2", "reserved": [["BNB", "0.02"]], "fee_coin": "BNB"}


def lively(depth: float) -> World:
    """A hopper that trades by itself too, every ten seconds, pays fees in BNB while they last, in a market so deep."""
    return small(10_000, {**PAYING, "start": "20000"}, quotes={"*": {"depth": depth}})


def give(world: World, each: Told, at: int) -> Command | None:
    """Tell a hopper, with prices near the market's; None when it was impossible."""
    value = each.value
    for word, factor in (("low", 0.998), ("high", 1.002)):
        if f" {word} " in value:
            coin = value.split()[1]
            value = value.replace(word, f"{float(world.rate('binance', coin, 'USDT', at)) * factor:.2f}")
    command = Command(at, each.kind, value, each.amount, Effect(each.delay, each.share))
    before = world.ledger.sums(), world.traders[ID].state(at)
    try:
        world.obey(ID, command)
    except Impossible:
        assert (world.ledger.sums(), world.traders[ID].state(at)) == before
        return None
    return command


def moved(world: World) -> dict[str, Decimal]:
    """What came from outside beyond the start; a hopper's own accounts are all there are."""
    trader = world.traders[ID]
    start = {trader.hopper.base: trader.hopper.start, **dict(trader.hopper.reserved)}
    came = {coin: -amount for coin, amount in world.ledger.of(OUTSIDE).items()}
    return {coin: came.get(coin, Decimal(0)) - start.get(coin, Decimal(0)) for coin in {*came, *start}}


@settings(max_examples=MANY, deadline=None)
@given(st.lists(COMMANDS, max_size=25), st.sampled_from([1.0, 0.02, 0.0]))
def test_random_commands_keep_the_books_after_every_event(commands: list[Told], depth: float) -> None:
    world = lively(depth)
    at = BEGAN
    for each in commands:
        at += each.after * 1000
        world.advance(at)
        give(world, each, at)
        holds_together(world.traders[ID], at, moved(world))
    world.advance(at + DAY // 8)
    holds_together(world.traders[ID], at + DAY // 8, moved(world))


@settings(max_examples=MANY // 2, deadline=None)
@given(st.lists(COMMANDS, max_size=20), st.sampled_from([1.0, 0.02]))
def test_a_restart_repeats_random_commands_to_the_last_digit(commands: list[Told], depth: float) -> None:
    live, at, given_ = lively(depth), BEGAN, []
    for each in commands:
        at += each.after * 1000
        live.advance(at + 700)
        command = give(live, each, at)
        if command is not None:
            given_.append((ID, command))
    live.advance(at + 40 * MINUTE)
    again = lively(depth)
    for id_, command in given_:
        again.obey(id_, command)
    again.advance(at + 40 * MINUTE)
    one, other = live.traders[ID], again.traders[ID]
    assert one.trades == other.trades
    assert one.state(at + 40 * MINUTE) == other.state(at + 40 * MINUTE)
    assert market() is live.market

"""What coins have earned adds up to the change of value, whatever happened and whatever is not known."""

from dataclasses import dataclass, field
from decimal import Decimal, getcontext, localcontext
from fractions import Fraction as F

from hypothesis import example, given, settings
from hypothesis import strategies as st

from cryptwire.domain.coin_profit import CoinAccount, Held, Moved, Traded, added, added_by_coin, coin_accounts
from cryptwire.domain.flow import FlowKind
from cryptwire.domain.hopper import Asset
from cryptwire.domain.trade import Side

BUY, SELL = Side.BUY, Side.SELL
USDT, BTC, ETH, BNB = COINS = tuple(map(Asset, ("USDT", "BTC", "ETH", "BNB")))
D = Decimal


def held(quantity: str, price: str | None) -> Held:
    return Held(D(quantity), None if price is None else D(price))


def traded(
    side: Side, quantity: str, total: str, value: str | None = None, fee: str = "0 USDT", fee_value: str | None = None
) -> Traded:
    """Of ETH for USDT."""
    units, coin = fee.split()
    worth = D(total) if value is None else D(value)
    paid = D(units) if fee_value is None else D(fee_value)
    return Traded(ETH, USDT, side, Asset(coin), 1, D(quantity), D(total), worth, D(units), paid)


def test_a_buy_that_rose_and_its_fee() -> None:
    coins = coin_accounts(
        {USDT: held("1000", "1")},
        {USDT: held("798", "1"), ETH: held("2", "110")},
        [traded(BUY, "2", "200", fee="2 USDT")],
        [],
    )
    eth, usdt = coins[ETH], coins[USDT]
    assert [eth.profit, eth.fees, eth.net, eth.received, eth.end] == [20, 2, 18, 200, 220]
    assert [usdt.profit, usdt.paid, usdt.given, usdt.fees, usdt.difference] == [0, 2, 200, 0, 0]
    assert added(coins.values()).change == 18


def test_a_fee_in_a_third_coin_costs_what_it_was_worth_and_that_coin_earns_as_if_it_were_sold() -> None:
    coins = coin_accounts(
        {USDT: held("1000", "1"), BNB: held("1", "500")},
        {USDT: held("800", "1"), BNB: held("0.99", "600"), ETH: held("2", "100")},
        [traded(BUY, "2", "200", fee="0.01 BNB", fee_value="5.5")],
        [],
    )
    assert (coins[ETH].net, coins[BNB].profit, coins[BNB].paid) == (D("-5.5"), D("99.5"), D("5.5"))
    assert added(coins.values()).change == D("-5.5") + D("99.5")


def test_money_that_came_is_no_profit_and_staking_is_told_apart() -> None:
    moved = [
        Moved(USDT, FlowKind.DEPOSIT, D(500), D(500)),
        Moved(ETH, FlowKind.INCOME, D("0.1"), D(10)),
        Moved(ETH, FlowKind.CONVERSION, D(1), D(101)),
        Moved(USDT, FlowKind.CONVERSION, D(-100), D(-100)),
    ]
    coins = coin_accounts(
        {USDT: held("1000", "1"), ETH: held("1", "100")}, {USDT: held("1400", "1"), ETH: held("2.1", "120")}, [], moved
    )
    whole = added(coins.values())
    assert [whole.flows, whole.income, whole.conversions, whole.difference] == [500, 10, 1, 0]
    assert [coins[ETH].profit, coins[USDT].profit] == [D("2.1") * 120 - 100 - 10 - 101, 0]


def test_units_that_nothing_explains_are_in_the_difference_account_at_the_price_of_the_end() -> None:
    coins = coin_accounts({ETH: held("1", "100")}, {ETH: held("1.5", "120")}, [], [])
    eth = coins[ETH]
    assert [eth.difference_quantity, eth.difference, eth.profit] == [D("0.5"), 60, 20]


def test_dust_of_a_coin_that_was_bought_and_sold_is_worth_what_its_trades_were() -> None:
    trades = [traded(BUY, "2", "200"), traded(SELL, "1.99", "219")]
    eth = coin_accounts({}, {}, trades, [])[ETH]
    mean = D(419) / D("3.99")
    assert eth.difference_quantity == D("-0.01")
    with localcontext(prec=60):
        assert eth.difference == D("-0.01") * mean
        assert (eth.profit, eth.told) == (19 - eth.difference, 1)


def test_a_coin_whose_price_is_gone_has_no_loss_and_what_it_was_worth_is_in_the_difference_account() -> None:
    coins = coin_accounts({ETH: held("2", "100")}, {ETH: held("2", None)}, [], [])
    eth = coins[ETH]
    assert [eth.profit, eth.difference, eth.told, eth.untold] == [0, -200, 0, 1]
    assert [eth.change, eth.difference_quantity] == [-200, 0]


def test_what_nobody_could_value_explains_nothing_and_is_counted() -> None:
    unknown = Traded(ETH, BTC, BUY, BNB, 3, D(2), D("0.1"), None, D("0.01"), None)
    coins = coin_accounts(
        {BTC: held("1", "1000"), BNB: held("1", "500")},
        {BTC: held("0.9", "1100"), BNB: held("0.99", "500"), ETH: held("2", "60")},
        [unknown],
        [Moved(BTC, FlowKind.DEPOSIT, D(0), None)],
    )
    assert {coin: one.difference for coin, one in coins.items()} == {ETH: 120, BTC: -110, BNB: -5}
    assert {coin: one.profit for coin, one in coins.items()} == {ETH: 0, BTC: 100, BNB: 0}
    assert {coin: one.unvalued for coin, one in coins.items()} == {ETH: 3, BTC: 1, BNB: 3}
    assert coins[ETH].trades == 3


def test_nothing_is_rounded() -> None:
    small, large = "0.00000000000000000123456789", "123456789012345678901234567890.5"
    coins = coin_accounts({ETH: held(small, small)}, {ETH: held(large, large), BTC: held(large, small)}, [], [])
    whole = added(coins.values())
    assert F(whole.change) == F(large) ** 2 + F(large) * F(small) - F(small) ** 2
    assert len(whole.end.as_tuple().digits) > getcontext().prec


@dataclass
class Life:
    """What happened to one hopper, step by step: balances are what they are, events what is known of it."""

    balances: list[dict[Asset, Decimal]] = field(default_factory=list)
    events: list[Traded | Moved | None] = field(default_factory=list)
    prices: list[dict[Asset, Decimal | None]] = field(default_factory=list)

    def end(self, at: int) -> dict[Asset, Held]:
        return {coin: Held(quantity, self.prices[at][coin]) for coin, quantity in self.balances[at].items()}

    def between(self, start: int, end: int) -> dict[Asset, CoinAccount]:
        events = self.events[start:end]
        trades = [event for event in events if isinstance(event, Traded)]
        moved = [event for event in events if isinstance(event, Moved)]
        return coin_accounts(self.end(start), self.end(end), trades, moved)

    def worth(self, at: int) -> F:
        return sum((F(q) * F(self.prices[at][coin] or 0) for coin, q in self.balances[at].items()), F(0))


numbers = st.integers(1, 5 * 10**12).map(lambda units: D(units).scaleb(-8))


@st.composite
def lives(draw: st.DrawFn, *, is_clean: bool = False) -> Life:
    """``is_clean``: everything has a price and an explanation."""
    life = Life()
    balance = {coin: draw(st.just(D(0)) | numbers) for coin in COINS}
    known = [draw(st.integers(0, 9)) > 0 or is_clean for _ in range(40)]

    def lives_on() -> None:
        life.balances.append(dict(balance))
        prices = {coin: draw(numbers) if is_clean or draw(st.integers(0, 9)) else None for coin in COINS}
        life.prices.append({**prices, USDT: D(1)})

    lives_on()
    for number in range(draw(st.integers(0, 12))):
        what = draw(st.integers(0, 7))
        event: Traded | Moved | None = None
        if what == 0:
            coin = draw(st.sampled_from(COINS))
            kind = draw(st.sampled_from([kind for kind in FlowKind if kind is not FlowKind.DATA_ERROR]))
            if is_clean and kind is FlowKind.DIFFERENCE:
                kind = FlowKind.INCOME
            units = draw(numbers) * draw(st.sampled_from([1, -1]))
            event = Moved(coin, kind, units, units * draw(numbers) if known[number] else None)
            balance[coin] += units
        elif what == 1 and not is_clean:
            balance[draw(st.sampled_from(COINS))] += draw(numbers)
        else:
            base, quote = draw(st.permutations(COINS))[:2]
            fee_in, side = draw(st.sampled_from(COINS)), draw(st.sampled_from([BUY, SELL]))
            quantity, total, fee = draw(numbers), draw(numbers), draw(st.just(D(0)) | numbers)
            with localcontext(prec=60):
                value, paid = total * draw(numbers), fee * draw(numbers)
            event = Traded(
                base,
                quote,
                side,
                fee_in,
                1,
                quantity,
                total,
                value if known[number] else None,
                fee,
                paid if known[-1 - number] else None,
            )
            sign = 1 if side is BUY else -1
            balance[base] += sign * quantity
            balance[quote] -= sign * total
            balance[fee_in] -= fee
        life.events.append(event)
        lives_on()
    return life


def balanced(coins: dict[Asset, CoinAccount]) -> F:
    """What the identity says the change of value is."""
    one = added(coins.values())
    terms = (one.flows, one.income, one.conversions, one.difference, one.profit)
    return sum(map(F, terms), F(0)) - F(one.fees)


@given(lives())
@example(Life([{USDT: D(1)}], [], [{USDT: D(1)}]))
def test_it_all_adds_up_to_the_last_digit_whatever_the_data_are(life: Life) -> None:
    end = len(life.events)
    coins = life.between(0, end)
    assert balanced(coins) == life.worth(end) - life.worth(0) == F(added(coins.values()).change)
    whole = added(coins.values())
    assert whole.received == whole.given
    assert whole.paid == whole.fees
    for one in coins.values():
        assert one.untold or F(one.change) == (
            F(one.profit)
            + F(one.received - one.given)
            - F(one.paid)
            + F(one.flows)
            + F(one.income)
            + F(one.conversions)
            + F(one.difference)
        )
        assert not one.untold or not one.profit


@settings(max_examples=50)
@given(lives(is_clean=True), st.integers(0, 12))
def test_without_crumbs_the_difference_account_is_empty_and_spans_add_up(life: Life, cut: int) -> None:
    end = len(life.events)
    cut = min(cut, end)
    whole, parts = life.between(0, end), [life.between(0, cut), life.between(cut, end)]
    assert not any(one.difference or one.difference_quantity or one.unvalued for one in whole.values())
    together = added_by_coin(parts)
    for coin, one in whole.items():
        for name in ("profit", "fees", "net", "received", "given", "flows", "income", "conversions", "paid", "change"):
            assert getattr(together[coin], name) == getattr(one, name), (coin, name)


@settings(max_examples=50)
@given(lives(is_clean=True))
def test_a_second_way_of_counting_says_the_same(life: Life) -> None:
    """What came is worth more or less at the end than when it came; what was there all the time, than at the start."""
    end = len(life.events)
    naive = {
        coin: F(life.balances[0][coin]) * (F(life.prices[end][coin] or 0) - F(life.prices[0][coin] or 0))
        for coin in COINS
    }

    def came(coin: Asset, units: Decimal, value: Decimal) -> None:
        naive[coin] += F(units) * F(life.prices[end][coin] or 0) - F(value)

    for event in life.events:
        if isinstance(event, Moved):
            came(event.asset, event.quantity, event.value or D(0))
        elif event is not None:
            sign = 1 if event.side is BUY else -1
            came(event.base, sign * event.quantity, sign * (event.value or D(0)))
            came(event.quote, -sign * event.total, -sign * (event.value or D(0)))
            came(event.fee_currency, -event.fee_units, -(event.fee or D(0)))
    assert {coin: F(one.profit) for coin, one in life.between(0, end).items()} == naive


@settings(max_examples=25)
@given(st.lists(lives(), max_size=3))
def test_the_sum_over_hoppers_is_the_aggregate(hoppers: list[Life]) -> None:
    each = [life.between(0, len(life.events)) for life in hoppers]
    together = added_by_coin(each)
    assert added(together.values()) == added(added(coins.values()) for coins in each)
    assert balanced(together) == sum((life.worth(len(life.events)) - life.worth(0) for life in hoppers), F(0))
